/**
 * The thread of the JavaScript and WebAssembly decoders. A large HEIC takes seconds, in which the process must stay responsive; and only another thread can
 * terminate a hanging decoder. It decodes one file at a time. A decoder is loaded when its first file arrives.
 */
import { parentPort } from 'node:worker_threads';
import { DecodeError, type Raw } from './raw.ts';

const decoders = {
  heic: async (bytes: Buffer): Promise<Raw> => (await import('./decode-heic.ts')).decodeHeic(bytes),
  bmp: async (bytes: Buffer): Promise<Raw> => (await import('./decode-bmp.ts')).decodeBmp(bytes),
  ico: async (bytes: Buffer): Promise<Raw> => (await import('./decode-ico.ts')).decodeIco(bytes),
  jp2: async (bytes: Buffer): Promise<Raw> => (await import('./decode-jp2.ts')).decodeJp2(bytes),
  pnm: async (bytes: Buffer): Promise<Raw> => (await import('./decode-pnm.ts')).decodePnm(bytes),
  psd: async (bytes: Buffer): Promise<Raw> => (await import('./decode-psd.ts')).decodePsd(bytes),
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
  { raw: Raw } | { refused: { code: DecodeError['code'] | null; message: string } }
);

async function decode({ id, format, bytes }: DecodeRequest) {
  try {
    const raw = await decoders[format](Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    parentPort?.postMessage({ id, raw } satisfies Answer, [raw.data.buffer as ArrayBuffer]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({
      id,
      refused: { code: error instanceof DecodeError ? error.code : null, message },
    } satisfies Answer);
  }
}

parentPort?.on('message', (request: DecodeRequest) => void decode(request));
