/** JPEG 2000, as a `.jp2` file or a raw code stream, through OpenJPEG compiled to WebAssembly. The reason of a failure is in its log. */
import { createRequire } from 'node:module';
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
  (library ??= (
    createRequire(import.meta.url)('@cornerstonejs/codec-openjpeg/decodewasmjs') as (
      options: object,
    ) => Promise<Library>
  )({
    print: (line: string) => void log.push(line),
    printErr: (line: string) => void log.push(line),
  }));

/** Throws DecodeError. */
export async function decodeJp2(bytes: Buffer): Promise<Raw> {
  const start = bytes.indexOf(Buffer.of(0xff, 0x4f, 0xff, 0x51)); // start of code stream, size marker
  if (start < 0) throw truncated();
  need(bytes, start + 42);
  const [width, height] = [8, 12].map((at) => bytes.readUInt32BE(start + at) - bytes.readUInt32BE(start + at + 8));
  checkSize(width, height);
  const components = bytes.readUInt16BE(start + 40);
  need(bytes, start + 42 + components * 3);
  const sampling = Array.from({ length: components }, (_, i) => bytes.readUInt16BE(start + 42 + i * 3 + 1));
  if (![1, 3, 4].includes(components) || sampling.some((step) => step !== 0x0101)) {
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read JPEG 2000 images with ${components} channels${sampling.some((step) => step !== 0x0101) ? ' of unequal size' : ''}.`,
    );
  }
  log.length = 0;
  const codec = new (await load()).J2KDecoder();
  try {
    codec.getEncodedBuffer(bytes.length).set(bytes);
    codec.decode();
    const frame = codec.getFrameInfo();
    const decoded = codec.getDecodedBuffer();
    if (!decoded.length || frame.width !== width || frame.height !== height) throw failure();
    if (isCutShort()) throw truncated();
    return {
      data: toBytes(decoded, frame.bitsPerSample, frame.isSigned),
      width,
      height,
      channels: frame.componentCount as 1 | 3 | 4,
    };
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
const failure = () =>
  isCutShort()
    ? truncated()
    : corrupt(
        log
          .findLast((line) => /error/i.test(line))
          ?.replace(/^\[\w+\]\s*/, '')
          .trim() ?? 'the code stream cannot be decoded',
      );

/** Copies the samples out of the library's memory and scales them to 8 bits. */
function toBytes(decoded: Uint8Array, bits: number, isSigned: boolean): Uint8Array {
  if (bits === 8 && !isSigned) return new Uint8Array(decoded);
  const n = bits > 8 ? decoded.length / 2 : decoded.length;
  const view = new DataView(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  const [offset, most] = [isSigned ? 2 ** (bits - 1) : 0, 2 ** bits - 1];
  const out = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const value =
      bits > 8
        ? isSigned
          ? view.getInt16(i * 2, true)
          : view.getUint16(i * 2, true)
        : isSigned
          ? view.getInt8(i)
          : view.getUint8(i);
    out[i] = Math.max(0, Math.min(255, Math.round(((value + offset) * 255) / most)));
  }
  return out;
}
