/**
 * The result and the errors of Winnow's own decoders, with the limits on size and time. It imports no library, so that their worker starts quickly. A
 * header's size is checked before memory for it is allocated.
 */
import type { IssueCode } from '../contract/types.ts';

/** Rows of pixels from the top, 8 bits per channel: gray, RGB or RGBA. */
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

/** Larger images are refused unread: 16,384 × 16,384. */
export const maxPixels = 16_384 ** 2;
/** The limit for decoders that hold the whole image in memory; more than phones and scanners make. */
export const maxPixelsWhole = 100_000_000;
/** Time limit to decode one image. */
export const maxSeconds = 10;
/** After this time a decoder has ignored its limit. */
const stuckAfterMs = (maxSeconds + 3) * 1000;

/** The decoder keeps running and stops only with its process. */
export class DecoderHung extends DecodeError {
  constructor() {
    super('too-slow', `Reading took longer than ${maxSeconds} s.`);
  }
}

let patienceMs = stuckAfterMs;
export const setDecodeTimeout = (ms = stuckAfterMs) => void (patienceMs = ms);

/** Waits with a time limit for a library without one, such as librsvg. Throws DecoderHung. */
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

/** Throws where a header's size is zero or too large. */
export function checkSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new DecodeError('corrupt', `The header gives no size (${width} × ${height}).`);
  if (width * height > maxPixelsWhole)
    throw new DecodeError('too-large', `The header claims ${width} × ${height} pixels.`);
}

/** Throws where the file ends before `end`: then the file is truncated. */
export function need(bytes: Uint8Array, end: number): void {
  if (end > bytes.length) throw truncated();
}
