/**
 * Operations that are one node in an exported graph, although tfjs composes them of several. While a network is traced (`portable/trace.ts`), they are recorded
 * by name; otherwise they are only computed.
 */
import type { Tensor } from '@tensorflow/tfjs';

export type Attributes = Record<string, unknown>;
/** Records an operation and runs it. */
export type Recorder = (op: string, inputs: Tensor[], attributes: Attributes, run: () => Tensor) => Tensor;

let recorder: Recorder | undefined;

/** Runs an operation; while a network is traced, it is recorded as one node named `op`. */
export function traced<T extends Tensor>(op: string, inputs: Tensor[], attributes: Attributes, run: () => T): T {
  return recorder ? (recorder(op, inputs, attributes, run) as T) : run();
}

/** True while a network is traced. */
export const isTracing = (): boolean => recorder !== undefined;

/** Runs `work` while `by` records all traced operations. */
export function recording<Result>(by: Recorder, work: () => Result): Result {
  recorder = by;
  try {
    return work();
  } finally {
    recorder = undefined;
  }
}
