/**
 * The thread of the JavaScript and WebAssembly decoders. A large HEIC takes seconds, in which the process must stay responsive; and only another thread can
 * terminate a hanging decoder. It decodes one file at a time. A decoder is loaded when its first file arrives.
 */
import { parentPort } from 'node:worker_threads';
import { DecodeError, type Picture, type Raw, whyDamaged } from './raw.ts';

const decoders = {
  heic: async (bytes: Buffer): Promise<Raw> => (await import('./decode-heic.ts')).decodeHeic(bytes),
  bmp: async (bytes: Buffer): Promise<Raw> => (await import('./decode-bmp.ts')).decodeBmp(bytes),
  dds: async (bytes: Buffer): Promise<Raw> => (await import('./decode-dds.ts')).decodeDds(bytes),
  dicom: async (bytes: Buffer): Promise<Raw> => (await import('./decode-dicom.ts')).decodeDicom(bytes),
  exr: async (bytes: Buffer): Promise<Raw> => (await import('./decode-exr.ts')).decodeExr(bytes),
  hdr: async (bytes: Buffer): Promise<Raw> => (await import('./decode-hdr.ts')).decodeHdr(bytes),
  ico: async (bytes: Buffer): Promise<Raw> => (await import('./decode-ico.ts')).decodeIco(bytes),
  jp2: async (bytes: Buffer): Promise<Raw> => (await import('./decode-jp2.ts')).decodeJp2(bytes),
  jpegls: async (bytes: Buffer): Promise<Raw> => (await import('./decode-jpegls.ts')).decodeJpegls(bytes),
  jxl: async (bytes: Buffer): Promise<Picture> => (await import('./decode-jxl.ts')).decodeJxl(bytes),
  pfm: async (bytes: Buffer): Promise<Raw> => (await import('./decode-pfm.ts')).decodePfm(bytes),
  pnm: async (bytes: Buffer): Promise<Raw> => (await import('./decode-pnm.ts')).decodePnm(bytes),
  psd: async (bytes: Buffer): Promise<Raw> => (await import('./decode-psd.ts')).decodePsd(bytes),
  qoi: async (bytes: Buffer): Promise<Raw> => (await import('./decode-qoi.ts')).decodeQoi(bytes),
  tiff: async (bytes: Buffer): Promise<Raw> => (await import('./decode-tiff.ts')).decodeTiff(bytes),
  raw: async (bytes: Buffer): Promise<Raw> => (await import('./decode-tiff.ts')).decodeRawPicture(bytes),
  tga: async (bytes: Buffer): Promise<Raw> => (await import('./decode-tga.ts')).decodeTga(bytes),
};

export type WorkerFormat = keyof typeof decoders;
export interface DecodeRequest {
  id: number;
  format: WorkerFormat;
  bytes: Uint8Array;
}
export type Answer = { id: number } & (
  { raw: Raw | Picture } | { refused: { code: DecodeError['code'] | null; message: string } }
);

async function decode({ id, format, bytes }: DecodeRequest) {
  try {
    const raw = await decoders[format](Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    parentPort?.postMessage({ id, raw } satisfies Answer, [
      ('file' in raw ? raw.file : raw.data).buffer as ArrayBuffer,
    ]);
  } catch (error) {
    const message = whyDamaged(error);
    parentPort?.postMessage({
      id,
      refused: { code: error instanceof DecodeError ? error.code : null, message },
    } satisfies Answer);
  }
}

parentPort?.on('message', (request: DecodeRequest) => void decode(request));
