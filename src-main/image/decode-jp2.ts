/** JPEG 2000, as a `.jp2` file or a raw code stream, through OpenJPEG compiled to WebAssembly. The reason of a failure is in its log. */
import { createRequire } from 'node:module';
import { loadLibrary } from '../file/fault.ts';
import { largestOf } from '../contract/numbers.ts';
import { channelsInWords, withMeaning } from './jp2-colour.ts';
import { checkSize, corrupt, DecodeError, need, truncated, type Raw } from './raw.ts';

interface Codec {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): { width: number; height: number; bitsPerSample: number; componentCount: number; isSigned: boolean };
  delete(): void;
}
interface Library {
  J2KDecoder: new () => Codec;
}

const log: string[] = [];
let library: Promise<Library> | null = null;
const load = () =>
  loadLibrary(
    '@cornerstonejs/codec-openjpeg',
    () =>
      (library ??= (
        createRequire(import.meta.url)('@cornerstonejs/codec-openjpeg/decodewasmjs') as (
          options: object,
        ) => Promise<Library>
      )({
        print: (line: string) => void log.push(line),
        printErr: (line: string) => void log.push(line),
      })),
  );

/** Throws DecodeError. */
export async function decodeJp2(bytes: Buffer): Promise<Raw> {
  const start = bytes.indexOf(Buffer.of(0xff, 0x4f, 0xff, 0x51)); // start of code stream, size marker
  if (start < 0) throw truncated();
  need(bytes, start + 42);
  const [width, height] = [8, 12].map((at) => bytes.readUInt32BE(start + at) - bytes.readUInt32BE(start + at + 8));
  checkSize(width, height);
  const components = bytes.readUInt16BE(start + 40);
  need(bytes, start + 42 + components * 3);
  const sizes = Array.from({ length: components }, (_, i) => bytes.subarray(start + 42 + i * 3, start + 45 + i * 3));
  const isUneven = sizes.some(([, across, down]) => across !== 1 || down !== 1);
  // The library gives up on other numbers of components.
  if ((components !== 1 && components !== 3) || isUneven) {
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read JPEG 2000 images with ${isUneven ? 'channels of unequal size' : channelsInWords(bytes, components)} yet.`,
    );
  }
  const bits = sizes.map(([size]) => (size & 0x7f) + 1);
  if (bits.some((depth) => depth > 16))
    throw new DecodeError('unsupported-format', `Winnow does not read JPEG 2000 images of ${largestOf(bits)} bits.`);
  // The boxes are read here, since the library converts some colour spaces without a word, but no profile.
  const stream = bytes.subarray(start);
  log.length = 0;
  const codec = new (await load()).J2KDecoder();
  try {
    codec.getEncodedBuffer(stream.length).set(stream);
    codec.decode();
    const frame = codec.getFrameInfo();
    const decoded = codec.getDecodedBuffer();
    if (!decoded.length || frame.width !== width || frame.height !== height) throw failure();
    if (isCutShort()) throw truncated();
    if (frame.componentCount !== components) throw failure();
    return withMeaning(bytes, { values: valuesOf(decoded, frame), width, height, bits, isSigned: frame.isSigned });
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    library = null; // after an exception, a WebAssembly module is not reused
    throw failure();
  } finally {
    codec.delete();
  }
}

const isCutShort = () =>
  log.some((line) => /too short|truncated|end of (stream|file)|not enough|unexpected end|tile part length/i.test(line));
const failure = () => (isCutShort() ? truncated() : corrupt('its code stream cannot be decoded'));

/** Copies the samples out of the library's memory. */
function valuesOf(decoded: Uint8Array, { bitsPerSample, isSigned }: { bitsPerSample: number; isSigned: boolean }) {
  const { buffer } = new Uint8Array(decoded);
  return bitsPerSample > 8
    ? new (isSigned ? Int16Array : Uint16Array)(buffer)
    : new (isSigned ? Int8Array : Uint8Array)(buffer);
}
