/**
 * Plants a synthetic defect in an image, to test a detector of anomalies where no real defect is known: a patch pasted elsewhere (CutPaste; Li et al. 2021), a blob
 * of foreign texture (as DRAEM; Zavrtanik et al. 2021), a scratch, or a missing part. Its diameter is 2 to 20 % of the shorter side; small and faint ones are as
 * frequent as large ones, since a defect that every score finds tells nothing.
 */
import { clamp } from '../contract/numbers.ts';

export const defectKinds = ['paste', 'blob', 'scratch', 'missing'] as const;
export type DefectKind = (typeof defectKinds)[number];

/** `rgb` [height, width, 3]. Returns a copy with one defect of a random kind. `next`: uniform random numbers, [0, 1). */
export function plantDefect(rgb: Uint8Array, width: number, height: number, next: () => number): Uint8Array {
  return plant(defectKinds[Math.floor(next() * defectKinds.length)], rgb, width, height, next);
}

/** As `plantDefect`, with a defect of this kind. */
export function plant(
  kind: DefectKind,
  rgb: Uint8Array,
  width: number,
  height: number,
  next: () => number,
): Uint8Array {
  const out = Uint8Array.from(rgb);
  const within = (low: number, high: number): number => low + (high - low) * next();
  const short = Math.min(width, height);
  const centre: Point = [within(0.15, 0.85) * width, within(0.15, 0.85) * height];
  const radius = (short * Math.exp(within(Math.log(0.02), Math.log(0.2)))) / 2;
  const strength = within(0.3, 1);
  if (kind === 'scratch') {
    drawScratch(out, width, height, centre, next);
    return out;
  }
  const mask = kind === 'paste' ? rectangle(centre, radius, next) : blob(centre, radius, next);
  // From where the pixels are taken: at least a radius away.
  const [dx, dy] = [within(0.2, 0.6) * width * sign(next), within(0.2, 0.6) * height * sign(next)];
  const around = kind === 'missing' ? meanAround(rgb, width, height, centre, radius) : null;
  const [gain, offset] = [within(0.7, 1.3), within(-25, 25)];
  const noise = within(10, 60);
  const isNoise = kind === 'blob' && next() < 0.5;
  const reach = Math.ceil(radius * 2);
  for (let y = Math.max(0, Math.floor(centre[1] - reach)); y < Math.min(height, centre[1] + reach); y++)
    for (let x = Math.max(0, Math.floor(centre[0] - reach)); x < Math.min(width, centre[0] + reach); x++) {
      const cover = mask(x, y) * strength;
      if (!cover) continue;
      const from = (mirrored(y + dy, height) * width + mirrored(x + dx, width)) * 3;
      const at = (y * width + x) * 3;
      const grain = isNoise ? noise * (next() * 2 - 1) : 0;
      for (let c = 0; c < 3; c++) {
        const value = around
          ? around[c]
          : isNoise
            ? rgb[at + c] * gain + offset + grain
            : rgb[from + c] * gain + offset;
        out[at + c] = clamp(Math.round(rgb[at + c] * (1 - cover) + value * cover), 0, 255);
      }
    }
  return out;
}

type Point = [x: number, y: number];
/** How much of a pixel the defect covers, 0 to 1. */
type Mask = (x: number, y: number) => number;

const sign = (next: () => number): number => (next() < 0.5 ? -1 : 1);

/** A rectangle at a random angle. */
function rectangle([cx, cy]: Point, radius: number, next: () => number): Mask {
  const angle = next() * Math.PI;
  const aspect = 0.3 + 0.7 * next();
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return (x, y) => {
    const [u, v] = [(x - cx) * cos + (y - cy) * sin, (y - cy) * cos - (x - cx) * sin];
    return Number(Math.abs(u) <= radius && Math.abs(v) <= radius * aspect);
  };
}

/** A circle whose radius varies smoothly with the angle, with a soft edge. */
function blob([cx, cy]: Point, radius: number, next: () => number): Mask {
  const waves = [2, 3, 4, 5].map((order) => ({ order, size: (0.5 * next()) / order, phase: next() * 2 * Math.PI }));
  return (x, y) => {
    const angle = Math.atan2(y - cy, x - cx);
    const edge = waves.reduce((r, { order, size, phase }) => r + size * Math.cos(order * angle + phase), 1) * radius;
    return clamp(edge - Math.hypot(x - cx, y - cy) + 0.5, 0, 1);
  };
}

/** A curved line, darker or brighter than its surroundings. */
function drawScratch(out: Uint8Array, width: number, height: number, [cx, cy]: Point, next: () => number): void {
  const short = Math.min(width, height);
  const length = short * (0.15 + 0.45 * next());
  const thickness = Math.max(1, short * (0.004 + 0.012 * next()));
  const change = (15 + 85 * next()) * sign(next);
  let angle = next() * 2 * Math.PI;
  const bend = ((next() - 0.5) * 2) / length;
  let [x, y] = [cx - (Math.cos(angle) * length) / 2, cy - (Math.sin(angle) * length) / 2];
  const cover = new Map<number, number>();
  for (let step = 0; step < length * 2; step++) {
    const reach = Math.ceil(thickness / 2 + 1);
    for (let j = Math.round(y) - reach; j <= Math.round(y) + reach; j++)
      for (let i = Math.round(x) - reach; i <= Math.round(x) + reach; i++) {
        if (i < 0 || j < 0 || i >= width || j >= height) continue;
        const here = clamp(thickness / 2 + 0.5 - Math.hypot(i - x, j - y), 0, 1);
        if (here > (cover.get(j * width + i) ?? 0)) cover.set(j * width + i, here);
      }
    x += Math.cos(angle) / 2;
    y += Math.sin(angle) / 2;
    angle += bend / 2;
  }
  for (const [pixel, here] of cover)
    for (let c = 0; c < 3; c++) {
      const value = out[pixel * 3 + c];
      // A value at the end of the range moves the other way, so that the scratch is visible.
      const moved = value + change < 0 || value + change > 255 ? value - change : value + change;
      out[pixel * 3 + c] = clamp(Math.round(value + (moved - value) * here), 0, 255);
    }
}

/** The mean colour on a circle around the part that goes missing. */
function meanAround(rgb: Uint8Array, width: number, height: number, [cx, cy]: Point, radius: number): number[] {
  const points = 32;
  const mean = [0, 0, 0];
  for (let i = 0; i < points; i++) {
    const angle = (i / points) * 2 * Math.PI;
    const x = clamp(Math.round(cx + Math.cos(angle) * radius * 2), 0, width - 1);
    const y = clamp(Math.round(cy + Math.sin(angle) * radius * 2), 0, height - 1);
    for (let c = 0; c < 3; c++) mean[c] += rgb[(y * width + x) * 3 + c] / points;
  }
  return mean;
}

/** The coordinate reflected at the borders into 0 … size − 1. */
function mirrored(at: number, size: number): number {
  const period = 2 * size;
  const inside = ((Math.floor(at) % period) + period) % period;
  return inside < size ? inside : period - 1 - inside;
}
