/** Images that a network makes: the ideal image of a unit, and images decoded from codes. */
import type { Arrays } from '../contract/arrays.ts';
import { WinnowError } from '../contract/errors.ts';
import type { InsideCalls, InsideName } from '../contract/inside-procedures.ts';
import type { JobContext } from './context.ts';

type Look<Name extends InsideName> = (
  context: JobContext,
  request: Parameters<InsideCalls[Name]>[0],
  options?: unknown,
) => ReturnType<InsideCalls[Name]>;
const notBuilt = (): Promise<Arrays<never>> => Promise.reject(new WinnowError('failed', 'Not built.'));

export const maximise: Look<'maximise'> = notBuilt;
export const decode: Look<'decode'> = notBuilt;
