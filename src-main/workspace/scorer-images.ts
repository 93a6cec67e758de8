/** Images as a scorer takes them, made where they are missing: one entry for each kind of inputs. */
import type { Scorer } from '../compute/anomaly/index.ts';
import type { ImageSet } from '../compute/protocol.ts';
import type { Issue, Sample, ScorerInputs } from '../contract/types.ts';
import { packPixels } from '../image/pixel-cache.ts';
import { embedSamples } from './embeddings.ts';
import type { JobContext } from '../jobs/context.ts';
import type { Report } from './jobs.ts';

export interface Prepared {
  /** Those that can be read, in the order asked for. */
  samples: Sample[];
  images: ImageSet;
  /** Of those that cannot be read, where they are not yet told. */
  issues: Issue[];
}

type Prepare = (
  context: JobContext,
  samples: readonly Sample[],
  sizePx: number | undefined,
  report: Report,
) => Promise<Prepared>;

const prepare: Record<ScorerInputs, Prepare> = {
  async pixels({ db, folder, workspaceFolder }, samples, sizePx, report) {
    if (!sizePx) throw new Error('A scorer of pixels has a size.');
    report.stage('Preparing pixels', samples.length);
    const packed = await packPixels(db, folder, workspaceFolder, samples, sizePx, {
      signal: report.signal,
      onProgress: (done, total) => report.progress(done, total),
    });
    return {
      samples: packed.samples,
      images: { file: packed.file, sizePx, channels: 3, rows: packed.rows },
      issues: packed.issues,
    };
  },
  async embeddings(context, wanted, _sizePx, report) {
    const { samples, file, size, rows } = await embedSamples(context, wanted, report);
    return { samples, images: { file, size, rows }, issues: [] }; // told already
  },
};

/** Throws WinnowError. */
export const prepareImages = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  samples: readonly Sample[],
  report: Report,
): Promise<Prepared> => prepare[scorer.inputs](context, samples, scorer.sizePx(parameters), report);
