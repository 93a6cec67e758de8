/** The filters of a layer, and its feature maps for an image of the folder. */
import type { Arrays } from '../contract/arrays.ts';
import type { FeatureMaps, FeatureThumbs, Filters } from '../contract/inside.ts';
import type { JobContext } from './context.ts';
import { seenBox } from './inside-frame.ts';
import { readSubjectImage, resolveSubject, sampleOf } from './inside-subject.ts';

/** Throws WinnowError with a reason if the layer has no kernels to show. */
export async function filters(
  context: JobContext,
  { run, layer, epoch }: { run: string; layer: string; epoch: number | null },
): Promise<Arrays<Filters>> {
  const { ref } = resolveSubject(context, run);
  const { header, ...arrays } = await context.compute.call('filters', { subject: ref, layer, epoch });
  return { header, arrays };
}

/** Throws WinnowError with a reason if the layer has no maps. */
export async function featureMaps(
  context: JobContext,
  { run, layer, sampleId }: { run: string; layer: string; sampleId: number },
  signal?: AbortSignal,
): Promise<Arrays<FeatureMaps>> {
  const { ref, frame } = resolveSubject(context, run);
  const sample = sampleOf(context, sampleId);
  const image = await readSubjectImage(context, frame, sample);
  const { header, maps } = await context.compute.call('featureMaps', { subject: ref, image, layer }, { signal });
  return { header: { ...header, covers: seenBox(frame, sample) }, arrays: { maps } };
}

/** Throws WinnowError. */
export async function featureThumbs(
  context: JobContext,
  { run, sampleId }: { run: string; sampleId: number },
  signal?: AbortSignal,
): Promise<Arrays<FeatureThumbs>> {
  const { ref, frame } = resolveSubject(context, run);
  const image = await readSubjectImage(context, frame, sampleOf(context, sampleId));
  const { header, maps } = await context.compute.call('featureThumbs', { subject: ref, image }, { signal });
  return { header, arrays: { maps } };
}
