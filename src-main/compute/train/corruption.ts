/**
 * Corruptions for training a network as a repairer: its input is corrupted, its target is the clean image, so it learns to replace what does not belong there and not
 * to copy it (as Bauer 2024; Zavrtanik et al. 2021, RIAD). Elastic blobs and strokes of 4 to 25 % of the side are filled from another image of the batch, from another
 * place of the same image, with one colour, or with a change of brightness. Planted defects (`image/plant.ts`) are made in other ways on purpose: they judge a trained
 * network, and it must not have been trained on them.
 */
import type { Random } from '../random.ts';

const leastSize = 0.04;
const mostSize = 0.25;
/** Of all images; the others stay clean, so that the network also learns to keep what is normal. */
const corruptedShare = 0.75;
const mostBlobs = 3;

/** Corrupts images [n, sizePx, sizePx, 3] in place. */
export function corrupt(bytes: Uint8Array, sizePx: number, next: Random): void {
  const clean = bytes.slice();
  const rowBytes = sizePx * sizePx * 3;
  const count = bytes.length / rowBytes;
  for (let i = 0; i < count; i++) {
    if (next() > corruptedShare) continue;
    const image = bytes.subarray(i * rowBytes, (i + 1) * rowBytes);
    const blobs = 1 + Math.floor(next() * mostBlobs);
    for (let b = 0; b < blobs; b++) fillShape(image, sizePx, shapeOf(sizePx, next), fillingOf(clean, i, sizePx, next));
  }
}

interface Shape {
  centre: [x: number, y: number];
  /** Half axes in pixels, and the angle of the longer one. */
  long: number;
  wide: number;
  angle: number;
  /** The radius varies with the angle around the centre. */
  waves: { order: number; size: number; phase: number }[];
  opacity: number;
}

function shapeOf(sizePx: number, next: Random): Shape {
  // Log-uniform: as many small shapes as large ones.
  const radius = (sizePx * leastSize * (mostSize / leastSize) ** next()) / 2;
  const isStroke = next() < 0.25;
  return {
    centre: [next() * sizePx, next() * sizePx],
    long: radius * (isStroke ? 2 + 3 * next() : 1 + next()),
    wide: isStroke ? Math.max(0.7, sizePx * 0.01 * (0.6 + next())) : radius * (0.5 + 0.5 * next()) + 0.5,
    angle: next() * Math.PI,
    waves: [2, 3, 4, 5].map((order) => ({ order, size: (next() * 0.5) / (order - 1), phase: next() * 2 * Math.PI })),
    opacity: 0.5 + 0.5 * next(),
  };
}

/** The new value of a channel of a pixel. `at`: index in the image. */
type Filling = (x: number, y: number, channel: number) => number;

function fillingOf(clean: Uint8Array, image: number, sizePx: number, next: Random): Filling {
  const rowBytes = sizePx * sizePx * 3;
  const kind = Math.floor(next() * 4);
  if (kind === 2) {
    const gray = next() * 255;
    const colour = next() < 0.5 ? [gray, gray, gray] : [gray, next() * 255, next() * 255];
    return (_x, _y, c) => colour[c];
  }
  const own = image * rowBytes;
  if (kind === 3) {
    const gain = 0.4 + 1.2 * next();
    return (x, y, c) => clean[own + (y * sizePx + x) * 3 + c] * gain;
  }
  const from = kind === 0 ? Math.floor((next() * clean.length) / rowBytes) * rowBytes : own;
  const [dx, dy] = [Math.floor(next() * sizePx), Math.floor(next() * sizePx)];
  return (x, y, c) => clean[from + (((y + dy) % sizePx) * sizePx + ((x + dx) % sizePx)) * 3 + c];
}

function fillShape(image: Uint8Array, sizePx: number, shape: Shape, filling: Filling): void {
  const { centre, long, wide, angle, waves, opacity } = shape;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const reach = Math.max(long, wide) * 1.8 + 1;
  const [x0, y0] = centre.map((c) => Math.max(0, Math.floor(c - reach)));
  const [x1, y1] = centre.map((c) => Math.min(sizePx - 1, Math.ceil(c + reach)));
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      const u = ((x - centre[0]) * cos + (y - centre[1]) * sin) / long;
      const v = ((y - centre[1]) * cos - (x - centre[0]) * sin) / wide;
      const around = Math.atan2(v, u);
      const edge = waves.reduce((r, { order, size, phase }) => r + size * Math.sin(order * around + phase), 1);
      const inside = (edge - Math.hypot(u, v)) * Math.min(long, wide) + 0.5; // in pixels: the edge is soft
      if (inside <= 0) continue;
      const cover = Math.min(1, inside) * opacity;
      const at = (y * sizePx + x) * 3;
      for (let c = 0; c < 3; c++) {
        const mixed = image[at + c] * (1 - cover) + filling(x, y, c) * cover;
        image[at + c] = Math.min(255, Math.max(0, mixed));
      }
    }
  }
}
