/** Small generated images for the compute tests: discs that vary slightly, and crosses as anomalies. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { range } from '../../src-main/compute/pixels.ts';
import type { FitArgs } from '../../src-main/compute/anomaly/fit.ts';
import type { Scorer } from '../../src-main/compute/anomaly/index.ts';
import { random } from '../../src-main/compute/random.ts';
import type { ScorerInputs } from '../../src-main/contract/types.ts';
import { patchMapsAt, patchRowShape } from '../../src-main/rows/patch-rows.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';

export const sizePx = 32;

/** A red disc whose position and colour vary slightly with `seed`; `odd` gives a blue cross, which is unusual in shape and in colour. */
export function picture(seed: number, odd = false, size = sizePx): Uint8Array {
  const next = random('picture', seed);
  const [cx, cy, red] = [size / 2 + 3 * (next() - 0.5), size / 2 + 3 * (next() - 0.5), 150 + 60 * next()];
  const out = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = odd ? Math.abs(x - cx) < 4 || Math.abs(y - cy) < 4 : Math.hypot(x - cx, y - cy) < size / 3;
      const at = (y * size + x) * 3;
      const colour = odd ? [60, 90, red] : [red, 90, 60];
      out.set(inside ? colour : [40, 60 + x, 50 + y], at);
    }
  }
  return out;
}

export const flat = (value: number, size = sizePx): Uint8Array => new Uint8Array(size * size * 3).fill(value);

export function packed(pictures: Uint8Array[], folder: string, size = sizePx): RowSet {
  const file = path.join(folder, `pixels-${pictures.length}-${size}.rgb`);
  fs.writeFileSync(file, Buffer.concat(pictures));
  return { file, type: 'uint8', shape: [size, size, 3], rows: range(0, pictures.length) };
}

/** A small substitute for embeddings: the pictures averaged over squares of 4 × 4 pixels. */
function embedded(pictures: Uint8Array[], folder: string): RowSet {
  const side = sizePx / 4;
  const size = side * side * 3;
  const codes = new Float32Array(pictures.length * size);
  pictures.forEach((bytes, i) =>
    bytes.forEach((value, at) => {
      const [x, y] = [Math.floor(at / 3) % sizePx, Math.floor(at / 3 / sizePx)];
      codes[i * size + (Math.floor(y / 4) * side + Math.floor(x / 4)) * 3 + (at % 3)] += value / 255 / 16;
    }),
  );
  const file = path.join(folder, `embeddings-${pictures.length}.f32`);
  fs.writeFileSync(file, new Uint8Array(codes.buffer));
  return { file, type: 'float32', shape: [size], rows: range(0, pictures.length) };
}

/** Patches per side of the finest feature map. */
export const patchSide = 8;
const patchStages = [
  { step: 1, channels: 48 },
  { step: 2, channels: 3 },
];

/** Small stand-ins for features of patches: the 16 colours of each square of 4 × 4 pixels, and the mean colour of each square of 8 × 8 pixels. */
function patched(pictures: Uint8Array[], folder: string): RowSet {
  const layout = { side: patchSide, stages: patchStages };
  const [length] = patchRowShape(layout);
  const grid = { rows: patchSide, columns: patchSide };
  const [fine, coarse] = patchMapsAt(layout, grid);
  const rows = new Float32Array(pictures.length * length);
  pictures.forEach((bytes, i) => {
    rows.set([patchSide, patchSide], i * length);
    bytes.forEach((value, at) => {
      const [x, y] = [Math.floor(at / 3) % sizePx, Math.floor(at / 3 / sizePx)];
      const patch = Math.floor(y / 4) * patchSide + Math.floor(x / 4);
      rows[i * length + fine + patch * 48 + ((y % 4) * 4 + (x % 4)) * 3 + (at % 3)] = value / 255;
      const square = Math.floor(y / 8) * (patchSide / 2) + Math.floor(x / 8);
      rows[i * length + coarse + square * 3 + (at % 3)] += value / 255 / 64;
    });
  });
  const file = path.join(folder, `patches-${pictures.length}.f16`);
  fs.writeFileSync(file, new Uint8Array(Float16Array.from(rows).buffer));
  return { file, type: 'float16', shape: [length], layout, rows: range(0, pictures.length) };
}

const makers: Record<ScorerInputs, (pictures: Uint8Array[], folder: string) => RowSet> = {
  pixels: packed,
  embeddings: embedded,
  patches: patched,
  features: (pictures, folder) => ({ ...patched(pictures, folder), beside: embedded(pictures, folder) }),
};

/** The images in the form that the scorer takes. */
export const imagesFor = ({ inputs }: Scorer, pictures: Uint8Array[], folder: string): RowSet => ({
  ...makers[inputs](pictures, folder),
  sha256: pictures.map((bytes) => createHash('sha256').update(bytes).digest('hex')),
});

export const newFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-compute-'));

/** Settings for a quick training; each schema drops what it does not know. */
const quick: Record<string, unknown> = {
  components: 4,
  width: 8,
  depth: 2,
  bottleneck: 8,
  epochs: 20,
  minSteps: 4,
  batch: 16,
  learningRate: 0.005,
  topShare: 0.2,
};

export function fitArgs(method: string, images: RowSet, runFolder: string, more: Partial<FitArgs> = {}): FitArgs {
  const { params, ...rest } = more;
  return {
    method,
    params: {
      ...(images.type === 'uint8' && { sizePx: images.shape[0] }),
      ...quick,
      ...(method === 'mlp-ae' && { width: 32 }),
      ...params,
    },
    seed: 1,
    runFolder,
    images,
    train: range(0, images.rows.length),
    areNormal: true,
    resume: false,
    ...rest,
  };
}
