/**
 * The thread of the JavaScript and WebAssembly decoders. A large HEIC takes seconds, in which the process must stay responsive; and only another thread can
 * terminate a hanging decoder. It decodes one file at a time. A decoder is loaded when its first file arrives.
 */
import { parentPort } from 'node:worker_threads';
import type { Plane } from '../contract/plane.ts';
import { loadLibrary } from '../file/fault.ts';
import type { Picture, Raw } from './raw.ts';
import { faultOf, type Fault } from './thrown.ts';

type Decode = (bytes: Buffer, plane?: Plane) => Raw | Picture | Promise<Raw | Picture>;

const decoders = {
  heic: async () => (await import('./decode-heic.ts')).decodeHeic,
  bmp: async () => (await import('./decode-bmp.ts')).decodeBmp,
  dds: async () => (await import('./decode-dds.ts')).decodeDds,
  dicom: async () => (await import('./decode-dicom.ts')).decodeDicom,
  exr: async () => (await import('./decode-exr.ts')).decodeExr,
  hdr: async () => (await import('./decode-hdr.ts')).decodeHdr,
  ico: async () => (await import('./decode-ico.ts')).decodeIco,
  jp2: async () => (await import('./decode-jp2.ts')).decodeJp2,
  jpegls: async () => (await import('./decode-jpegls.ts')).decodeJpegls,
  jxl: async () => (await import('./decode-jxl.ts')).decodeJxl,
  pfm: async () => (await import('./decode-pfm.ts')).decodePfm,
  pnm: async () => (await import('./decode-pnm.ts')).decodePnm,
  psd: async () => (await import('./decode-psd.ts')).decodePsd,
  qoi: async () => (await import('./decode-qoi.ts')).decodeQoi,
  tiff: async () => (await import('./decode-tiff.ts')).decodeTiff,
  raw: async () => (await import('./decode-tiff.ts')).decodeRawPicture,
  tga: async () => (await import('./decode-tga.ts')).decodeTga,
} satisfies Record<string, () => Promise<Decode>>;

export type WorkerFormat = keyof typeof decoders;
export interface DecodeRequest {
  format: WorkerFormat;
  bytes: Uint8Array;
  plane?: Plane;
}
export type Answer = { raw: Raw | Picture } | { fault: Fault };

async function decode({ format, bytes, plane }: DecodeRequest) {
  try {
    const decoder = await loadLibrary<Decode>(format, decoders[format]);
    const raw = await decoder(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), plane);
    parentPort?.postMessage({ raw } satisfies Answer, [('file' in raw ? raw.file : raw.data).buffer as ArrayBuffer]);
  } catch (error) {
    parentPort?.postMessage({ fault: faultOf(error) } satisfies Answer);
  }
}

parentPort?.on('message', (request: DecodeRequest) => void decode(request));
