/**
 * The native image reader: the C++ files of this folder with libjpeg-turbo, libpng and libwebp. libvips needs milliseconds to prepare its threads and operations,
 * which is most of the time of a small image; this module decodes the common files directly, to the same pixels, and computes the spectra that find duplicates. It reads only plain files: 8-bit JPEG, PNG and WebP
 * without profile, alpha or animation, and without a single warning of the decoder. For all others it returns null, and sharp reads them. Set-up compiles it;
 * without it, or with `WINNOW_NATIVE=off`, sharp reads everything, and TypeScript computes the spectra.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface NativeThumb {
  /** JPEG. */
  bytes: Buffer;
  width: number;
  height: number;
  /** Counts and sums of the pixels, in the order of `Tally` in `image/measure.ts`. */
  tally: Float64Array;
  /** As of `duplicate/fingerprint.ts`. */
  fingerprint: Buffer;
}

/** What the scan stores of a file. */
export interface NativeReading extends NativeThumb {
  sha256: string;
  format: 'jpeg' | 'png' | 'webp';
  /** Of the image, after orientation. */
  size: [width: number, height: number];
}

/** Bytes are whole files. The promises resolve to null if the file is not plain. */
interface Native {
  /** The most that `read` holds in memory for one file, in pixels of the image. */
  readonly pixelsAtOnce: number;
  /** Width and height after orientation; null if the file's structure is not plain. */
  head(bytes: Uint8Array): [width: number, height: number] | null;
  /** Reads and hashes a regular file, and makes its thumbnail. Null also if the file is large, cannot be read, or takes much memory or time to decode. */
  read(path: string, sidePx: number, quality: number): Promise<NativeReading | null>;
  /** With at most `sidePx` on each side. */
  thumbnail(bytes: Uint8Array, sidePx: number, quality: number): Promise<NativeThumb | null>;
  /** Stretched to these sides: height × width × 3 bytes, sRGB. Null also if one side would be enlarged. */
  rectangle(bytes: Uint8Array, width: number, height: number): Promise<Buffer | null>;
  /** `transform` of `duplicate/spectrum.ts`. `base`: [24, 16]; `out`: [24, 24]. */
  transform(fingerprint: Uint8Array, base: Float32Array, out: Float32Array): number;
  /** `pointsOf` of `duplicate/spectrum.ts`. `maps`: [windows, 2, 8, 24]; `out`: [windows, 35]. */
  points(coefficients: Float32Array, maps: Float32Array, out: Float32Array): void;
}

/** Where set-up puts it. */
export const readerFile = fileURLToPath(new URL('../../dist/native/image.node', import.meta.url));

function load(): Native | null {
  if (process.env.WINNOW_NATIVE === 'off' || !fs.existsSync(readerFile)) return null;
  try {
    const found = createRequire(import.meta.url)(readerFile) as Native;
    return typeof found.pixelsAtOnce === 'number' ? found : null; // else it is that of an earlier version
  } catch {
    return null; // `doctor` tests it and tells why
  }
}

export const native = load();
