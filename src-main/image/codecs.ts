/** The JPEG family as DICOM and JPEG-LS files hold it, through libraries compiled to WebAssembly. Values keep their depth. */
import { createRequire } from 'node:module';
import { loadLibrary } from '../file/fault.ts';
import { checkSize, corrupt, DecodeError, truncated } from './raw.ts';

interface Frame {
  width: number;
  height: number;
  bitsPerSample: number;
  componentCount: number;
  isSigned?: boolean;
}
interface Codec {
  getEncodedBuffer(bytes: number): Uint8Array;
  getDecodedBuffer(): Uint8Array;
  decode(): void;
  getFrameInfo(): Frame;
  getInterleaveMode?(): number;
  delete(): void;
}

const libraries = {
  JPEG: ['@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs', 'JPEGDecoder'],
  'JPEG-LS': ['@cornerstonejs/codec-charls/decodewasmjs', 'JpegLSDecoder'],
  'JPEG 2000': ['@cornerstonejs/codec-openjpeg/decodewasmjs', 'J2KDecoder'],
} as const;
export type CodecName = keyof typeof libraries;

export interface Values {
  /** Interleaved. Signed if the code stream says so. */
  data: Uint8Array | Int8Array | Uint16Array | Int16Array;
  width: number;
  height: number;
  channels: number;
  bits: number;
}

const require = createRequire(import.meta.url);

/** Throws DecodeError. A module is not used again after a file that it refuses. */
export async function decodeWith(name: CodecName, bytes: Uint8Array): Promise<Values> {
  // Without its end marker, CharLS may read on without end.
  if (
    name === 'JPEG-LS' &&
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(Buffer.of(0xff, 0xd9)) < 0
  )
    throw truncated();
  const [path, decoder] = libraries[name];
  const log: string[] = [];
  const print = (line: string) => void log.push(line);
  const library = await loadLibrary(path.split('/', 2).join('/'), () =>
    (require(path) as (options: object) => Promise<Record<string, new () => Codec>>)({ print, printErr: print }),
  );
  const codec = new library[decoder]();
  try {
    codec.getEncodedBuffer(bytes.length).set(bytes);
    codec.decode();
    const { width, height, bitsPerSample: bits, componentCount: channels, isSigned } = codec.getFrameInfo();
    checkSize(width, height);
    const decoded = new Uint8Array(codec.getDecodedBuffer()); // a copy: the library's memory goes
    if (decoded.length < width * height * channels * (bits > 8 ? 2 : 1)) throw truncated();
    const data =
      bits > 8
        ? isSigned
          ? new Int16Array(decoded.buffer)
          : new Uint16Array(decoded.buffer)
        : isSigned
          ? new Int8Array(decoded.buffer)
          : decoded;
    return {
      data: channels > 1 && codec.getInterleaveMode?.() === 0 ? interleave(data, channels) : data,
      width,
      height,
      channels,
      bits,
    };
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw log.some((line) => /too short|truncated|end of (stream|file)|not enough|unexpected end/i.test(line))
      ? truncated()
      : corrupt(`its ${name} code stream cannot be decoded`);
  } finally {
    codec.delete();
  }
}

/** Planes one after the other become pixels. */
export function interleave<Samples extends Values['data']>(planes: Samples, channels: number): Samples {
  const out = planes.slice() as Samples;
  const pixels = Math.floor(planes.length / channels);
  for (let c = 0; c < channels; c++) for (let i = 0; i < pixels; i++) out[i * channels + c] = planes[c * pixels + i];
  return out;
}
