/** Small generated images for the compute tests: a soft pattern that varies a little, and one that is something else. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { range } from '../../src-main/compute/pixels.ts';
import type { FitArgs } from '../../src-main/compute/anomaly/fit.ts';
import type { PixelSet } from '../../src-main/compute/pixels.ts';
import { random } from '../../src-main/compute/random.ts';

export const sizePx = 32;

/** A disc whose place and colour vary a little with `seed`; `odd` is a cross instead. */
export function picture(seed: number, odd = false, size = sizePx): Uint8Array {
  const next = random('picture', seed);
  const [cx, cy, red] = [size / 2 + 3 * (next() - 0.5), size / 2 + 3 * (next() - 0.5), 150 + 60 * next()];
  const out = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = odd ? Math.abs(x - cx) < 4 || Math.abs(y - cy) < 4 : Math.hypot(x - cx, y - cy) < size / 3;
      const at = (y * size + x) * 3;
      out.set(inside ? [red, 90, 60] : [40, 60 + x, 50 + y], at);
    }
  }
  return out;
}

export const flat = (value: number, size = sizePx): Uint8Array => new Uint8Array(size * size * 3).fill(value);

export function packed(pictures: Uint8Array[], folder: string, size = sizePx): PixelSet {
  const file = path.join(folder, `pixels-${pictures.length}-${size}.rgb`);
  fs.writeFileSync(file, Buffer.concat(pictures));
  return { file, sizePx: size, channels: 3, rows: range(0, pictures.length) };
}

export const newFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-compute-'));

/** Small settings, quick to train. */
export function fitArgs(method: string, pixels: PixelSet, runFolder: string, more: Partial<FitArgs> = {}): FitArgs {
  const quick =
    method === 'pca'
      ? { components: 4 }
      : {
          width: method === 'mlp-ae' ? 32 : 8,
          depth: 2,
          bottleneck: 8,
          epochs: 20,
          minSteps: 4,
          batch: 16,
          learningRate: 0.005,
          pooling: 'mean',
        };
  const { params, ...rest } = more;
  return {
    method,
    params: { sizePx: pixels.sizePx, ...quick, ...params },
    seed: 1,
    runFolder,
    pixels,
    train: range(0, pixels.rows.length),
    resume: false,
    ...rest,
  };
}
