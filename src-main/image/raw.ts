/**
 * The result and the errors of Winnow's own decoders, and the limits on size and time. A decoder checks the size in the header before it allocates memory. This
 * module imports no library, so that the decoders' worker starts quickly.
 */
import type { IssueCode } from '../contract/types.ts';

/** Rows of pixels from the top, 8 bits per channel: gray, RGB or RGBA. */
export interface Raw {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

/** An issue of the image itself. The message can be shown to the user. */
export class DecodeError extends Error {
  code: IssueCode;
  constructor(code: IssueCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Larger images are refused before they are decoded. */
export const maxPixels = 16_384 ** 2;
/** The limit for decoders that keep the whole image in memory; phones and scanners make smaller ones. */
export const maxPixelsWhole = 100_000_000;
/** Time limit to decode one image. */
export const maxSeconds = 10;
/** A decoder that is not done after this time ignores its time limit. */
const stuckAfterMs = (maxSeconds + 3) * 1000;

/** The decoder ignores its time limit. It keeps running and can only be stopped with its process. */
export class DecoderHung extends DecodeError {
  constructor() {
    super('too-slow', `Reading took longer than ${maxSeconds} s.`);
  }
}

let patienceMs = stuckAfterMs;
/** Changes the time limit of `withTimeout`; without an argument, restores it. */
export const setDecodeTimeout = (ms = stuckAfterMs) => void (patienceMs = ms);

/** Adds a time limit to a library that has none, such as librsvg. Throws DecoderHung. */
export async function withTimeout<Result>(work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new DecoderHung()), patienceMs))),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

export const truncated = () => new DecodeError('truncated', 'The file ends before the end of the image.');
export const corrupt = (why: string) => new DecodeError('corrupt', `The image data is damaged (${why}).`);

/** Throws DecodeError if the size in a header is zero or too large. */
export function checkSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new DecodeError('corrupt', `The header gives no size (${width} × ${height}).`);
  if (width * height > maxPixelsWhole)
    throw new DecodeError('too-large', `The header claims ${width} × ${height} pixels.`);
}

/** Throws DecodeError if the file ends before byte `end`: it is truncated. */
export function need(bytes: Uint8Array, end: number): void {
  if (end > bytes.length) throw truncated();
}
