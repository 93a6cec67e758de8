/**
 * Operations that an export takes as one, where what tfjs does inside would say too much: while a network is traced (portable/trace.ts) they are noted by name; else
 * they are only done.
 */
import type { Tensor } from '@tensorflow/tfjs';

export type Attributes = Record<string, unknown>;
export type Note = (op: string, inputs: Tensor[], attributes: Attributes, run: () => Tensor) => Tensor;

let note: Note | undefined;

export function traced<T extends Tensor>(op: string, inputs: Tensor[], attributes: Attributes, run: () => T): T {
  return note ? (note(op, inputs, attributes, run) as T) : run();
}

export const isTracing = (): boolean => note !== undefined;

/** All traced operations within `work` are noted. */
export function noting<Result>(by: Note, work: () => Result): Result {
  note = by;
  try {
    return work();
  } finally {
    note = undefined;
  }
}
