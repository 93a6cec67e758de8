/** The augmentation of autoencoders: random shifts and horizontal flips, seeded by seed and step. */
import { random } from '../random.ts';

export interface Shifts {
  /** Maximum shift along each axis; the border is repeated. */
  shiftPx: number;
  flip: boolean;
}

/** Shifts and flips each image of a batch [n, sizePx, sizePx, 3], in place. */
export function shiftAll(
  bytes: Uint8Array,
  sizePx: number,
  { shiftPx, flip }: Shifts,
  seed: number,
  step: number,
): void {
  if (!shiftPx && !flip) return;
  const next = random('augment', seed, step);
  const within = (d: number): number => Math.min(sizePx - 1, Math.max(1 - sizePx, d));
  const rowBytes = sizePx ** 2 * 3;
  for (let at = 0; at < bytes.length; at += rowBytes) {
    const image = bytes.subarray(at, at + rowBytes);
    const dx = Math.round((next() * 2 - 1) * shiftPx);
    const dy = Math.round((next() * 2 - 1) * shiftPx);
    shift(image, sizePx, within(dx), within(dy));
    if (flip && next() < 0.5) mirror(image, sizePx);
  }
}

/** Pixel (x, y) becomes the one at (x + dx, y + dy): one copy of the whole image; then the border is repeated over pixels that came from an adjacent row. */
function shift(image: Uint8Array, sizePx: number, dx: number, dy: number): void {
  const line = sizePx * 3;
  const by = dy * line + dx * 3;
  if (by > 0) image.copyWithin(0, by);
  else image.copyWithin(-by, 0);
  for (let y = 0; y < sizePx; y++) {
    const end = (y + 1) * line;
    for (let to = y * line - dx * 3 - 1; to >= y * line; to--) image[to] = image[to + 3];
    for (let to = end - dx * 3; to < end; to++) image[to] = image[to - 3];
  }
  for (let y = 0; y < -dy; y++) image.copyWithin(y * line, -dy * line, (1 - dy) * line);
  for (let y = sizePx - dy; y < sizePx; y++) image.copyWithin(y * line, (sizePx - dy - 1) * line, (sizePx - dy) * line);
}

function mirror(image: Uint8Array, sizePx: number): void {
  const line = sizePx * 3;
  for (let start = 0; start < image.length; start += line) {
    for (let a = start, b = start + line - 3; a < b; a += 3, b -= 3) {
      for (let c = 0; c < 3; c++) {
        const kept = image[a + c];
        image[a + c] = image[b + c];
        image[b + c] = kept;
      }
    }
  }
}
