/**
 * Pretrained embeddings as rows of the row store, computed once per image content and model: 1,984 numbers, the means of the last layer (1,280) and of four
 * stages. Map, similarity, label errors, heads and near duplicates use them. A scan computes none; it uses existing ones.
 */
import { usual, type Pretrained } from '../compute/models/pretrained.ts';
import type { Sample } from '../contract/types.ts';
import { makeRow } from '../image/pixels.ts';
import { withImage } from '../image/scanned.ts';
import type { JobContext } from './context.ts';
import type { RowRecipe, Rows } from '../rows/row-store.ts';
import type { Report } from '../workspace/report.ts';
import { toWinnowError } from '../workspace/runs.ts';

/** Batch size of calls to the compute process. */
const batchImages = 20;

export type Source = Pick<JobContext, 'compute' | 'folder'>;

export const embeddingRecipe = ({ compute, folder }: Source, source: Pretrained = usual): RowRecipe => ({
  ...featureRecipe(folder, source, async (bytes, signal) => {
    const { codes } = await compute.call('features', { model: source.id, bytes }, { signal });
    return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  }),
  kind: 'embeddings',
  type: 'float32',
  shape: [source.size],
  isKept: true, // groups of duplicates depend on them
});

/** What the recipes of all rows have in common that a network with bundled weights computes. */
export const featureRecipe = (
  folder: string,
  source: Pretrained,
  compute: NonNullable<RowRecipe['batch']>['compute'],
): Pick<RowRecipe, 'settings' | 'decode' | 'batch'> => ({
  settings: `${source.id}@${source.sha256.slice(0, 8)}`, // other weights under the same name are another model
  decode: (sample) => decodeFor(folder, sample, source),
  batch: {
    size: batchImages,
    compute: (bytes, signal) =>
      compute(bytes, signal).catch((error: unknown) => {
        throw toWinnowError(error);
      }),
  },
});

/** The samples' embeddings; those that are missing are computed as a stage of a job. Files that can no longer be read become issues. Throws WinnowError. */
export const embedSamples = (
  context: JobContext,
  samples: readonly Sample[],
  report: Report,
  source = usual,
): Promise<Rows> => makeFeatures(context, embeddingRecipe(context, source), 'Embedding', samples, report);

/** The samples' rows by such a recipe; missing rows are computed as a stage of this name. Files that can no longer be read become issues. Throws WinnowError. */
export async function makeFeatures(
  context: JobContext,
  recipe: RowRecipe,
  stage: string,
  samples: readonly Sample[],
  report: Report,
): Promise<Rows> {
  const rows = await context.rows.make(recipe, samples, {
    signal: report.signal,
    onStart(missing) {
      report.stage(stage, missing);
      // The weights are loaded while the first images are decoded.
      if (recipe.batch)
        context.compute.call('features', { model: usual.id, bytes: new Uint8Array(0) }).catch(() => undefined);
    },
    onProgress: (done) => report.progress(done),
  });
  context.table.putIssues(rows.issues);
  return rows;
}

/** With more images, comparing all pairs would take too long for a scan. */
const maxCompared = 20_000;

/** Pairs of ids with the most similar embeddings, among existing embeddings. */
export async function candidatePairs(
  context: JobContext,
  signal: AbortSignal,
  source = usual,
): Promise<[number, number][]> {
  using known = await context.rows.known(embeddingRecipe(context, source), context.table.samples(), signal);
  const { samples, set } = known;
  if (samples.length < 2 || samples.length > maxCompared) return [];
  const pairs = await context.compute
    .call('pairs', { embeddings: set, width: source.last, k: 4, least: 0.85 }, { signal })
    .catch((error: unknown) => {
      throw toWinnowError(error);
    });
  return Array.from({ length: pairs.length / 2 }, (_, i) => [samples[pairs[2 * i]].id, samples[pairs[2 * i + 1]].id]);
}

/** Number of images with an embedding. */
export const embeddedCount = (context: Pick<JobContext, 'rows'> & Source, source = usual): number =>
  context.rows.count(embeddingRecipe(context, source));

/** The whole image, stretched to the model's input size. */
export const decodeFor = (folder: string, sample: Sample, { sizePx }: Pretrained): Promise<Uint8Array> =>
  withImage(folder, sample, (image) => makeRow(image, sizePx));
