/** Windows icons and cursors: a directory of images, each a complete PNG or a bitmap without the file header. Winnow decodes the largest. */
import { decodeIconDib } from './decode-bmp.ts';
import { corrupt, need, type Raw } from './raw.ts';

interface Entry {
  width: number;
  bits: number;
  bytes: number;
  at: number;
}

/** The bytes of the largest image; of equally large ones, that with the most bits per pixel. */
export function largestOfIco(bytes: Buffer): { bytes: Buffer; isPng: boolean } {
  need(bytes, 6);
  const count = bytes.readUInt16LE(4);
  need(bytes, 6 + count * 16);
  const entries = Array.from({ length: count }, (_, i): Entry => {
    const at = 6 + i * 16;
    return {
      width: bytes[at] || 256,
      bits: bytes.readUInt16LE(at + 6),
      bytes: bytes.readUInt32LE(at + 8),
      at: bytes.readUInt32LE(at + 12),
    };
  });
  const best = entries.toSorted((a, b) => b.width - a.width || b.bits - a.bits)[0];
  if (!best) throw corrupt('the directory of the icon is empty');
  need(bytes, best.at + Math.min(best.bytes, 40));
  const image = bytes.subarray(best.at, best.bytes ? best.at + best.bytes : undefined);
  const isPng = image.length >= 4 && image.readUInt32BE(0) === 0x89504e47;
  if (isPng) need(bytes, best.at + best.bytes);
  return { bytes: image, isPng };
}

/** Throws DecodeError. */
export const decodeIco = (bytes: Buffer): Raw => decodeIconDib(largestOfIco(bytes).bytes);
