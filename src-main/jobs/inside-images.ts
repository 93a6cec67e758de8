/** Images that a network makes: the ideal image of a unit, and images decoded from codes. */
import type { MaximiseArgs } from '../compute/inside/maximise.ts';
import type { Arrays } from '../contract/arrays.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Maximised } from '../contract/inside.ts';
import type { InsideCalls, InsideName } from '../contract/inside-procedures.ts';
import type { JobContext } from './context.ts';
import { resolveSubject } from './inside-subject.ts';

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

type Look<Name extends InsideName> = (
  context: JobContext,
  request: Parameters<InsideCalls[Name]>[0],
  options?: unknown,
) => ReturnType<InsideCalls[Name]>;
const notBuilt = (): Promise<Arrays<never>> => Promise.reject(new WinnowError('failed', 'Not built.'));

export const decode: Look<'decode'> = notBuilt;
