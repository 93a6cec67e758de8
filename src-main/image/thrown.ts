/** Errors of a decoder as messages between processes and threads. */
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import type { IssueCode } from '../contract/types.ts';
import { DecodeError, DecoderHung } from './raw.ts';

export interface Fault {
  message: string;
  /** Of a DecodeError. */
  decode?: IssueCode;
  /** The process still works for the file. */
  isStuck?: boolean;
  /** Of a WinnowError. */
  winnow?: ErrorCode;
  code?: string;
  syscall?: string;
  path?: string;
}

export function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DecodeError) return { decode: error.code, message, isStuck: error instanceof DecoderHung };
  if (error instanceof WinnowError) return { winnow: error.code, message, isStuck: error.code === 'no-folder' }; // then a read is still pending
  const { code, syscall, path } = Object(error) as NodeJS.ErrnoException;
  return { message, code, syscall, path };
}

export function errorOf({ decode, winnow, message, isStuck: _, ...system }: Fault): Error {
  if (decode) return new DecodeError(decode, message);
  return winnow ? new WinnowError(winnow, message) : Object.assign(new Error(message), system);
}
