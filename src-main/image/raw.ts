/**
 * The result and the errors of Winnow's own decoders, and the limits on size and time. A decoder checks the size in the header before it allocates memory. This
 * module imports no library, so that the decoders' worker starts quickly.
 */
import type { IssueCode } from '../contract/types.ts';

/** The samples of a decoded image: rows from the top, channels interleaved. */
export interface Raw {
  /** Integers use the whole range of their type (0 is black, 255 or 65,535 is white), unless the image is `measured`. */
  data: Samples;
  width: number;
  height: number;
  /** 1: gray, 3: RGB, 4: RGBA, or CMYK (0 is no ink) if `isCmyk`. Alpha is not premultiplied. */
  channels: 1 | 3 | 4;
  isCmyk?: boolean;
  /**
   * The values are measurements without a natural black and white: heights, counts, 12-bit intensities. They are stretched by one rule for the whole folder
   * (`levels.ts`). `kind` names their type in the file, such as 'uint16' or 'float32'.
   */
  measured?: { kind: string };
  /** The ICC profile of the samples; without one they are sRGB. */
  profile?: Uint8Array;
  /** EXIF orientation, 1 to 8, that is still to be applied. Default 1. */
  orientation?: number;
  /** Frames, pages, planes or slices in the file. Default 1. */
  frames?: number;
  /** The samples say less than those of the file: they have fewer bits, or are clipped. */
  isReduced?: true;
  /** What the picture is, if it is not all of the file: 'preview of a raw file', 'band 1 of 8'. */
  notice?: string;
}

/** A complete PNG that a decoder made, for sharp. */
export interface Picture {
  file: Uint8Array;
  frames: number;
}

/** With 8 bits per sample. */
export type Raw8 = Raw & { data: Uint8Array };

export type Samples =
  Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** An issue of the image itself. The message can be shown to the user: what it quotes of the file has no control characters. */
export class DecodeError extends Error {
  code: IssueCode;
  constructor(code: IssueCode, message: string) {
    super(message.replace(/\p{C}/gu, '\uFFFD'));
    this.code = code;
  }
}

/** Larger images are refused before they are decoded. */
export const maxPixels = 16_384 ** 2;
/** The limit for decoders that keep the whole image in memory; phones and scanners make smaller ones. */
export const maxPixelsWhole = 100_000_000;
/** On one side. libvips holds many rows at once, with 12 bytes or more per pixel. */
const maxSidePx = 500_000;
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

/** Adds a time limit to a library that has none, such as librsvg. Throws DecoderHung, and DecodeError if sharp's own limit ended the work. */
export async function withTimeout<Result>(work: Promise<Result>): Promise<Result> {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new DecoderHung()), patienceMs))),
    ]);
  } catch (error) {
    // The text alone may be that of another file.
    const isLate = performance.now() - started >= maxSeconds * 1000;
    if (isLate && error instanceof Error && /timeout/i.test(error.message)) throw tooSlow();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const tooSlow = () => new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`);
export const truncated = () => new DecodeError('truncated', 'The file ends before the end of the image.');
/** `why`: in our own words. No text of a library is shown: it names variables of a program, and not what is wrong with the file. */
export const corrupt = (why?: string) =>
  new DecodeError('corrupt', `The image data is damaged${why ? ` (${why})` : ''}.`);

/** Throws DecodeError if a side is too long. */
export function checkSides(width: number, height: number): void {
  if (Math.max(width, height) > maxSidePx)
    throw new DecodeError('too-large', `The image has a side of more than ${maxSidePx} pixels (${width} × ${height}).`);
}

/** Throws DecodeError if the size in a header is zero or too large. */
export function checkSize(width: number, height: number): void {
  if (!(width > 0 && height > 0)) throw new DecodeError('corrupt', `The header gives no size (${width} × ${height}).`);
  if (width * height > maxPixelsWhole)
    throw new DecodeError('too-large', `The header claims ${width} × ${height} pixels.`);
  checkSides(width, height);
}

/** Throws DecodeError if the file ends before byte `end`: it is truncated. */
export function need(bytes: Uint8Array, end: number): void {
  if (end > bytes.length) throw truncated();
}
