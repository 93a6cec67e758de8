/**
 * A scatter plot drawn into the pixels of a canvas: 100,000 points take a few milliseconds. Libraries that compile shaders from text are forbidden
 * by the page's content policy. Coordinates are in -1..1; a camera gives the visible part.
 */
import { clamp } from '../../src-main/contract/numbers.ts';

/** Centre of the visible part, and device pixels per unit. */
export interface Camera {
  x: number;
  y: number;
  scale: number;
}
export interface Size {
  width: number;
  height: number;
}
export interface Spot {
  x: number;
  y: number;
}

/** The camera that shows all points, with a margin. */
export const wholeView = ({ width, height }: Size): Camera => ({
  x: 0,
  y: 0,
  scale: (Math.min(width, height) / 2) * 0.92,
});
export const toScreen = ({ x, y, scale }: Camera, { width, height }: Size, px: number, py: number): Spot => ({
  x: width / 2 + (px - x) * scale,
  y: height / 2 - (py - y) * scale,
});
export const fromScreen = ({ x, y, scale }: Camera, { width, height }: Size, { x: sx, y: sy }: Spot): Spot => ({
  x: x + (sx - width / 2) / scale,
  y: y - (sy - height / 2) / scale,
});

/** Zooms by a factor and keeps the point at the spot in place. The zoom is limited to 0.5 to 400 times the whole. */
export function zoomedAt(camera: Camera, size: Size, spot: Spot, factor: number): Camera {
  const whole = wholeView(size).scale;
  const scale = clamp(camera.scale * factor, whole * 0.5, whole * 400);
  const at = fromScreen(camera, size, spot);
  return { scale, x: at.x - (spot.x - size.width / 2) / scale, y: at.y + (spot.y - size.height / 2) / scale };
}

export interface Cloud {
  /** Sample id, x and y of each point. */
  ids: Int32Array;
  x: Float32Array;
  y: Float32Array;
}

/** The points that have coordinates. */
export function cloudOf(ids: ArrayLike<number>, x: Float64Array, y: Float64Array): Cloud {
  const placed = Array.from(ids).filter((id) => !Number.isNaN(x[id] ?? NaN) && !Number.isNaN(y[id] ?? NaN));
  return {
    ids: Int32Array.from(placed),
    x: Float32Array.from(placed, (id) => x[id]),
    y: Float32Array.from(placed, (id) => y[id]),
  };
}

/** Colour of each point as 0xAABBGGRR; 0 is not drawn. Later layers are drawn on top. */
export interface Layer {
  colours: Uint32Array;
  radiusPx: number;
}

export function paintCloud(
  context: CanvasRenderingContext2D,
  size: Size,
  camera: Camera,
  { x, y }: Cloud,
  layers: readonly Layer[],
) {
  const image = context.createImageData(size.width, size.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const { colours, radiusPx } of layers) {
    const stamp = disc(radiusPx);
    const margin = Math.ceil(radiusPx);
    for (let i = 0; i < x.length; i++) {
      const colour = colours[i];
      if (colour === 0) continue;
      const cx = Math.round(size.width / 2 + (x[i] - camera.x) * camera.scale);
      const cy = Math.round(size.height / 2 - (y[i] - camera.y) * camera.scale);
      if (cx < margin || cy < margin || cx >= size.width - margin || cy >= size.height - margin) continue;
      const at = cy * size.width + cx;
      for (let k = 0; k < stamp.length; k += 2) pixels[at + stamp[k + 1] * size.width + stamp[k]] = colour;
    }
  }
  context.putImageData(image, 0, 0);
}

const discs = new Map<number, Int32Array>();
/** Offsets of the pixels of a disc, x and y in turn. */
function disc(radiusPx: number): Int32Array {
  let offsets = discs.get(radiusPx);
  if (!offsets) {
    const list: number[] = [];
    const reach = Math.ceil(radiusPx);
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++) if (dx * dx + dy * dy <= radiusPx * radiusPx) list.push(dx, dy);
    discs.set(radiusPx, (offsets = Int32Array.from(list)));
  }
  return offsets;
}

/** A grid index of points, to find those near the pointer. */
export class CloudIndex {
  readonly #cloud: Cloud;
  readonly #cells = 128;
  readonly #starts: Int32Array;
  readonly #points: Int32Array;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    const cellOf = Int32Array.from(cloud.x, (x, i) => this.#cell(cloud.y[i]) * this.#cells + this.#cell(x));
    this.#starts = new Int32Array(this.#cells ** 2 + 1);
    for (const cell of cellOf) this.#starts[cell + 1]++;
    for (let i = 1; i < this.#starts.length; i++) this.#starts[i] += this.#starts[i - 1];
    const next = this.#starts.slice();
    this.#points = new Int32Array(cellOf.length);
    cellOf.forEach((cell, i) => (this.#points[next[cell]++] = i));
  }

  #cell = (value: number) => clamp(Math.floor(((value + 1) / 2) * this.#cells), 0, this.#cells - 1);

  /** Points within a box, as indices of the cloud. */
  within(left: number, bottom: number, right: number, top: number): number[] {
    const { x, y } = this.#cloud;
    const found: number[] = [];
    for (let row = this.#cell(bottom); row <= this.#cell(top); row++) {
      for (let column = this.#cell(left); column <= this.#cell(right); column++) {
        const cell = row * this.#cells + column;
        for (let k = this.#starts[cell]; k < this.#starts[cell + 1]; k++) {
          const i = this.#points[k];
          if (x[i] >= left && x[i] <= right && y[i] >= bottom && y[i] <= top) found.push(i);
        }
      }
    }
    return found;
  }

  /** The nearest matching point within `reach`; -1 for none. */
  nearest({ x: px, y: py }: Spot, reach: number, counts: (point: number) => boolean): number {
    const { x, y } = this.#cloud;
    let [best, least] = [-1, reach * reach];
    for (const i of this.within(px - reach, py - reach, px + reach, py + reach)) {
      const distance = (x[i] - px) ** 2 + (y[i] - py) ** 2;
      if (distance <= least && counts(i)) [best, least] = [i, distance];
    }
    return best;
  }
}

/** Is the spot within the outline? Even-odd rule; see Hormann and Agathos, 2001. */
export function isWithin(outline: readonly Spot[], x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [a, b] = [outline[i], outline[j]];
    if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) inside = !inside;
  }
  return inside;
}

/** Twelve colours that colour-blind people can distinguish, on dark and light backgrounds (after P. Tol's schemes). */
export const categoryColours = [
  '#4477aa',
  '#ee6677',
  '#228833',
  '#ccbb44',
  '#66ccee',
  '#aa3377',
  '#ee7733',
  '#009988',
  '#997700',
  '#bb88dd',
  '#994455',
  '#888888',
];

/** `#rrggbb` as a pixel. */
export const pixelOf = (hex: string): number => {
  const value = Number.parseInt(hex.slice(1), 16);
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
};
