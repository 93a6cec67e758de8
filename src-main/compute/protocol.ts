/** The messages between engine and compute process over Node IPC. A request gets any number of events, then one result or one error. */
import type { CallName } from './calls.ts';

export interface Request {
  id: number;
  call: CallName;
  args: unknown;
}

export type ToCompute = Request | { cancel: number };

/** `lost`: the process ended before the call did. */
export type ComputeErrorCode = 'cancelled' | 'out-of-memory' | 'bad-parameters' | 'disk-full' | 'lost' | 'failed';

export type FromCompute =
  | { id: number; event: unknown }
  | { id: number; result: unknown }
  | { id: number; error: { code: ComputeErrorCode; message: string } }
  /** The last message: an error outside any call ends the process. */
  | { fatal: string };
