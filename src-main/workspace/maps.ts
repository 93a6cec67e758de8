/** What a run's model shows of an image: its anomaly map and its reconstruction, one for the window when it asks, or all maps as files. */
import { scorerOf } from '../compute/anomaly/index.ts';
import type { ImageArgs, MapResult, ReconstructionResult } from '../compute/protocol.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Run, Sample } from '../contract/types.ts';
import type { OutputFolder } from '../file/output-folder.ts';
import { encodeGray16 } from '../image/encode.ts';
import type { Report } from './jobs.ts';
import { prepareImages } from './prepare.ts';
import { runFolder, type Desk } from './rank.ts';

/** Throws WinnowError, `no-map` where the run's method gives none. */
export const mapOf = async (desk: Desk, run: Run, sampleId: number): Promise<MapResult> =>
  desk.compute.map(await shown(desk, run, sampleId, 'map'));

/** Throws WinnowError, `no-map` where the run's method gives none. */
export const reconstructionOf = async (desk: Desk, run: Run, sampleId: number): Promise<ReconstructionResult> =>
  desk.compute.reconstruct(await shown(desk, run, sampleId, 'reconstruction'));

const nobody: Omit<Report, 'signal'> = { stage: () => undefined, progress: () => undefined, run: () => undefined };

async function shown(desk: Desk, run: Run, sampleId: number, what: 'map' | 'reconstruction'): Promise<ImageArgs> {
  const sample = desk.table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  const scorer = scorerOf(run.method);
  if (!scorer?.gives[what]) throw new WinnowError('no-map', `${scorer?.title ?? run.id} gives no ${what} of an image.`);
  const report = { ...nobody, signal: new AbortController().signal };
  const { samples, images, issues } = await prepareImages(desk, scorer, run.parameters, [sample], report);
  if (!samples.length) throw new WinnowError('no-samples', issues[0]?.message ?? 'The image can no longer be read.');
  return { runFolder: runFolder(desk.workspaceFolder, run.id), images };
}

export const mapName = ({ path }: Sample): string => `${path}.png`;

/** 16-bit gray PNGs, `<path>.png`; white is the run's `mapScale`. */
export async function writeMaps(desk: Desk, run: Run, to: OutputFolder, report: Report): Promise<void> {
  const samples = desk.table.samples();
  const scale = Number(run.report.mapScale) || 1;
  report.stage('Writing error maps', samples.length);
  for (const [i, sample] of samples.entries()) {
    report.signal.throwIfAborted();
    const { map, sizePx } = await mapOf(desk, run, sample.id);
    await to.write(mapName(sample), await encodeGray16(map, sizePx, sizePx, scale));
    report.progress(i + 1);
  }
}
