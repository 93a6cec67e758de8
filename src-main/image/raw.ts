/**
 * What a decoder of our own gives and how it refuses. No library is imported here, so that the worker which runs those decoders starts
 * in a moment. A header's size is judged before anything of that size is allocated.
 */
import type { IssueCode } from '../contract/types.ts';

/** Rows of pixels from the top, 8 bits a channel: gray, RGB or RGBA. */
export interface Raw {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3 | 4;
}

export class DecodeError extends Error {
  code: IssueCode;
  constructor(code: IssueCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Above this an image is refused unread: 16,384 × 16,384. */
export const maxPixels = 16_384 ** 2;
/** The same for decoders that hold the whole image in memory; more than phones and scanners make. */
export const maxPixelsWhole = 100_000_000;
/** What one image may take of a decoder's time. */
export const maxSeconds = 10;
/** After so long a decoder has not heard of its limit. */
const stuckAfterMs = (maxSeconds + 3) * 1000;

/** The decoder goes on and cannot be stopped but with its process. */
export class DecoderHung extends DecodeError {
  constructor() {
    super('too-slow', `Reading took longer than ${maxSeconds} s.`);
  }
}

let patienceMs = stuckAfterMs;
export const setDecodeTimeout = (ms = stuckAfterMs) => void (patienceMs = ms);

/** Waits for a library that may not end, as librsvg, which knows no time limit. Throws DecoderHung. */
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

/** Throws unless a header's size is one that may be decoded. */
export function checkSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new DecodeError('corrupt', `The header gives no size (${width} × ${height}).`);
  if (width * height > maxPixelsWhole)
    throw new DecodeError('too-large', `The header claims ${width} × ${height} pixels.`);
}

/** Throws unless the file reaches to `end`: reading behind it is an issue of the file, not a fault of the program. */
export function need(bytes: Uint8Array, end: number): void {
  if (end > bytes.length) throw truncated();
}
