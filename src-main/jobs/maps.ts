/** The anomaly map and the reconstruction of one image by a run, and the normal patch that is nearest to a place of it. */
import { scorerOf } from '../compute/anomaly/index.ts';
import type { ImageArgs, MapResult, ReconstructionResult } from '../compute/anomaly/map.ts';
import { WinnowError } from '../contract/errors.ts';
import { trainedOn } from '../contract/train-on.ts';
import type { Run } from '../contract/types.ts';
import type { Place, Unlike } from '../contract/unlike.ts';
import type { JobContext } from './context.ts';
import { runFolder, toWinnowError } from '../workspace/runs.ts';
import { prepareImage } from './scorer-images.ts';

/** Throws WinnowError: `no-map` if the run's method has none, `no-samples` if the image can no longer be read. */
export const mapOf = (context: JobContext, run: Run, sampleId: number, signal?: AbortSignal): Promise<MapResult> =>
  withImage(context, run, sampleId, 'map', (args) => context.compute.call('map', args, { signal }));

/** Throws WinnowError like `mapOf`. */
export const reconstructionOf = (context: JobContext, run: Run, sampleId: number): Promise<ReconstructionResult> =>
  withImage(context, run, sampleId, 'reconstruction', (args) => context.compute.call('reconstruct', args));

/**
 * What a place of the image is unlike; `at` null: where the map is highest. Throws WinnowError: `no-map` if the run's method keeps no patches, `no-samples` if the image
 * can no longer be read or the image of the normal patch is gone.
 */
export async function unlikeOf(context: JobContext, run: Run, sampleId: number, at: Place | null): Promise<Unlike> {
  const { sha256, ...found } = await withImage(context, run, sampleId, 'nearestPatch', (args) =>
    context.compute.call('unlike', { ...args, at }),
  );
  const copies = context.table.copies(sha256);
  const isTrained = trainedOn(run);
  const normal = copies.find(({ path }) => isTrained(path)) ?? copies.at(0);
  if (!normal)
    throw new WinnowError(
      'no-samples',
      run.origin
        ? `The nearest normal patch is in an image of ${run.origin.folder}, where ${run.id} was trained. Open that folder to see it.`
        : `The image with the nearest normal patch is gone: it was removed or changed after ${run.id} was trained. Rank again to compare with the present images.`,
    );
  return { ...found, sampleId: normal.id, path: normal.path };
}

const titles = { map: 'map', reconstruction: 'reconstruction', nearestPatch: 'nearest normal patch' };

async function withImage<Result>(
  context: JobContext,
  run: Run,
  sampleId: number,
  what: keyof typeof titles,
  call: (args: ImageArgs) => Promise<Result>,
): Promise<Result> {
  const sample = context.table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  const scorer = scorerOf(run.method);
  if (!scorer?.gives[what])
    throw new WinnowError('no-map', `${scorer?.title ?? run.id} has no ${titles[what]} of an image.`);
  using image = await prepareImage(context, scorer, run.parameters, sample);
  if (!image.samples.length)
    throw new WinnowError('no-samples', image.issues[0]?.message ?? 'The image can no longer be read.');
  try {
    return await call({ runFolder: runFolder(context.workspaceFolder, run.id), images: image.set });
  } catch (error) {
    throw toWinnowError(error);
  }
}
