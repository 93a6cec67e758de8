/** PNG of 16-bit gray without a colour space: depth maps and counts, not photographs. Their values are measurements (`levels.ts`). */
import sharp from 'sharp';
import { checkSize, maxPixels, maxSeconds, withTimeout, type Raw } from './raw.ts';

/** Chunks that say what gray means, or that a value is transparent. */
const meaning = new Set(['iCCP', 'sRGB', 'gAMA', 'cICP', 'cHRM', 'tRNS']);

export function isMeasuredPng(bytes: Buffer): boolean {
  if (bytes.length < 33 || bytes[24] !== 16 || bytes[25] !== 0) return false;
  for (let at = 33; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const kind = bytes.toString('latin1', at + 4, at + 8);
    if (kind === 'IDAT') return true;
    if (meaning.has(kind)) return false;
  }
  return false;
}

/** Throws DecodeError, and the errors of sharp. */
export async function readMeasuredPng(bytes: Buffer): Promise<Raw> {
  checkSize(bytes.readUInt32BE(16), bytes.readUInt32BE(20));
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels }).timeout({ seconds: maxSeconds });
  const { orientation } = await withTimeout(image.metadata());
  const { data, info } = await withTimeout(
    image.toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true }),
  );
  return {
    data: new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2),
    width: info.width,
    height: info.height,
    channels: 1,
    orientation,
    measured: { kind: 'uint16' },
  };
}
