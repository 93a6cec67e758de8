/** Are two files the same picture, dot for dot? A hash of all standard pixels after a full decode, for the few pairs that look it. */
import { createHash } from 'node:crypto';
import { openImage } from './decode.ts';

/** Throws DecodeError. */
export async function hashPixels(bytes: Buffer, path: string): Promise<string> {
  const image = await openImage(bytes, path);
  const { data, info } = await image.standard().removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const hash = createHash('sha256').update(`${info.width} ${info.height} `);
  if (info.channels === 3) return hash.update(data).digest('hex');
  // A gray file and the same picture as RGB are one.
  const rgb = Buffer.alloc(info.width * info.height * 3);
  for (let i = 0; i < info.width * info.height; i++) rgb.fill(data[i * info.channels], i * 3, i * 3 + 3);
  return hash.update(rgb).digest('hex');
}
