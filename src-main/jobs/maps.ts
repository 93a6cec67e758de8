/** The anomaly map and the reconstruction of one image by a run. */
import { scorerOf } from '../compute/anomaly/index.ts';
import type { ImageArgs, MapResult, ReconstructionResult } from '../compute/anomaly/map.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import type { JobContext } from './context.ts';
import { runFolder } from '../workspace/runs.ts';
import { prepareImage } from './scorer-images.ts';

/** Throws WinnowError: `no-map` if the run's method has none, `no-samples` if the image can no longer be read. */
export const mapOf = (context: JobContext, run: Run, sampleId: number, signal?: AbortSignal): Promise<MapResult> =>
  withImage(context, run, sampleId, 'map', (args) => context.compute.call('map', args, { signal }));

/** Throws WinnowError like `mapOf`. */
export const reconstructionOf = (context: JobContext, run: Run, sampleId: number): Promise<ReconstructionResult> =>
  withImage(context, run, sampleId, 'reconstruction', (args) => context.compute.call('reconstruct', args));

async function withImage<Result>(
  context: JobContext,
  run: Run,
  sampleId: number,
  what: 'map' | 'reconstruction',
  call: (args: ImageArgs) => Promise<Result>,
): Promise<Result> {
  const sample = context.table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  const scorer = scorerOf(run.method);
  if (!scorer?.gives[what]) throw new WinnowError('no-map', `${scorer?.title ?? run.id} has no ${what} of an image.`);
  using image = await prepareImage(context, scorer, run.parameters, sample);
  if (!image.samples.length)
    throw new WinnowError('no-samples', image.issues[0]?.message ?? 'The image can no longer be read.');
  return await call({ runFolder: runFolder(context.workspaceFolder, run.id), images: image.set });
}
