/** Images that a network makes: the ideal image of a unit, and images decoded from codes. */
import type { DecodeArgs } from '../compute/inside/decode.ts';
import type { MaximiseArgs } from '../compute/inside/maximise.ts';
import { range } from '../compute/pixels.ts';
import { random, sampleOf as chosenOf } from '../compute/random.ts';
import type { Arrays } from '../contract/arrays.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Decoded, Maximised } from '../contract/inside.ts';
import type { Progress } from '../contract/inside-procedures.ts';
import type { DecodeRequest } from '../contract/schemas.ts';
import type { JobContext } from './context.ts';
import { readSubjectImage, resolveSubject, sampleOf } from './inside-subject.ts';
import { pixelRecipe } from './pixels.ts';

/** The directions of codes are computed from at most this many images. */
const mostImages = 500;

/** `onEvent` receives the image while it climbs. Throws WinnowError with a reason if there is nothing to climb. */
export async function maximise(
  context: JobContext,
  { run, goal, steps, seed }: { run: string } & Omit<MaximiseArgs, 'subject'>,
  {
    signal,
    onEvent,
  }: { signal?: AbortSignal; onEvent?: (event: Maximised, arrays: { image: Uint8Array }) => void } = {},
): Promise<Arrays<Maximised>> {
  const { ref } = resolveSubject(context, run);
  const { header, image } = await context.compute.call(
    'maximise',
    { subject: ref, goal, steps, seed },
    { signal, onEvent: (event) => onEvent?.(event.header, { image: event.image }) },
  );
  return { header, arrays: { image } };
}

/** Throws WinnowError with a reason if the model has no code. */
export async function decode(
  context: JobContext,
  { run, of }: DecodeRequest,
  { signal, onEvent }: { signal?: AbortSignal; onEvent?: (event: Progress) => void } = {},
): Promise<Arrays<Decoded>> {
  const { ref, frame, hasCode } = resolveSubject(context, run);
  if (!hasCode || frame.shape !== 'square')
    throw new WinnowError('bad-request', `${run} is no autoencoder of pixels, so there is no code to decode.`);
  const samples = (of.kind === 'line' ? [of.from, of.to] : [of.sampleId]).map((id) => sampleOf(context, id));
  const images = await Promise.all(samples.map((sample) => readSubjectImage(context, frame, sample)));
  const all = context.table.samples();
  const chosen = Array.from(chosenOf(range(0, all.length), mostImages, random('codes')), (i) => all[i]);
  using packed = await context.rows.make(pixelRecipe(context.folder, frame), chosen, {
    signal,
    onProgress: (done, total) => onEvent?.({ done, total }),
  });
  const result = await context.compute.call(
    'decode',
    { subject: ref, of: planOf(of), images, folder: packed.set },
    { signal, onEvent },
  );
  return { header: result.header, arrays: { images: result.images } };
}

/** What the compute process needs of the request: without the ids of images. */
function planOf(of: DecodeRequest['of']): DecodeArgs['of'] {
  switch (of.kind) {
    case 'line':
      return { kind: of.kind, count: of.count };
    case 'around':
      return { kind: of.kind, count: of.count, seed: of.seed };
    case 'direction':
      return { kind: of.kind, count: of.count, direction: of.direction };
    case 'code':
      return { kind: of.kind, numbers: of.numbers };
  }
}
