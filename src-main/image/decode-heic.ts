/** HEIC through libheif compiled to WebAssembly, which applies the rotation and mirroring stored in the file. */
import { checkSize, type Raw } from './raw.ts';

/** Throws DecodeError if the image is too large, and the library's error if it is damaged. */
export async function decodeHeic(bytes: Buffer): Promise<Raw> {
  // Every image and tile of the file states its size in an 'ispe' box.
  for (let at = bytes.indexOf('ispe'); at >= 0 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    checkSize(bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12));
  }
  const { default: decode } = await import('heic-decode');
  const { width, height, data } = await decode({ buffer: bytes });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height, channels: 4 };
}
