/** The Gaussian of embeddings, held to its definition on a small set. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scoreAll } from '../../src-main/compute/anomaly/fit.ts';
import { gaussian, ledoitWolf } from '../../src-main/compute/anomaly/gaussian.ts';
import { openImages } from '../../src-main/compute/anomaly/images.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { cholesky, inverseOfLower, solve } from '../../src-main/compute/linear-algebra.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { newFolder } from './compute-pictures.ts';

const [images, trained, size] = [14, 10, 4];
const breathe = async (): Promise<void> => undefined;
const noise = fillNormal(new Float64Array(images * size), random('gaussian', 1));
const codes = Float32Array.from(noise, (v, at) => v * (1 + (at % size)) + noise[at - (at % size)] + 5);
const rowOf = (i: number): number[] => [...codes.subarray(i * size, (i + 1) * size)];

const mean = Array.from({ length: size }, (_, j) => {
  return range(0, trained).reduce((sum, i) => sum + rowOf(i)[j] / trained, 0);
});
const centred = Array.from({ length: images }, (_, i) => rowOf(i).map((v, j) => v - mean[j]));
const scatter = Float64Array.from({ length: size * size }, (_, at) =>
  centred.slice(0, trained).reduce((sum, x) => sum + (x[Math.floor(at / size)] * x[at % size]) / trained, 0),
);
const level = (scatter[0] + scatter[5] + scatter[10] + scatter[15]) / size;

/** √(y · Σ⁻¹ · y) with this share of equal variances. */
function distanceOf(y: number[], share: number): number {
  const covariance = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (1 - share) * scatter[i * size + j] + (i === j ? share * level : 0)),
  );
  const x = solve(covariance, [...y]);
  return Math.sqrt(y.reduce((sum, v, i) => sum + v * x[i], 0));
}

/** By its definition: the mean squared error of the covariance of one image, over the distance from equal variances. */
function shareByDefinition(): number {
  let [noise, away] = [0, 0];
  for (let at = 0; at < size * size; at++) {
    const [i, j] = [Math.floor(at / size), at % size];
    for (const x of centred.slice(0, trained)) noise += (x[i] * x[j] - scatter[at]) ** 2 / trained ** 2;
    away += (scatter[at] - (i === j ? level : 0)) ** 2;
  }
  return Math.min(noise, away) / away;
}

const folder = newFolder();
const file = path.join(folder, 'codes.f32');
beforeAll(async () => {
  fs.writeFileSync(file, new Uint8Array(codes.buffer));
  await startBackend();
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

it('shrinks as far as Ledoit and Wolf say', () => {
  const fourth = centred.slice(0, trained).reduce((sum, x) => sum + Math.hypot(...x) ** 4 / trained, 0);
  const share = ledoitWolf(scatter, fourth, trained);
  expect(share).toBeCloseTo(shareByDefinition(), 10);
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(1);
  expect(ledoitWolf(new Float64Array(size * size), 0, trained)).toBe(0);
});

it.each([0, 0.3, 1])(
  'is the Mahalanobis distance, also of images that it was not fitted on (shrinkage %d)',
  async (shrinkage) => {
    const opened = openImages(gaussian, {}, { file, type: 'float32', shape: [size], rows: range(0, images) });
    const { fit, restore } = gaussian.ready({ shrinkage });
    const context = { seed: 1, images: opened.reader, train: range(0, trained), checkpointFile: '', resume: false };
    const { model } = await fit({ ...context, onEvent: () => undefined, breathe });
    const { scores } = await scoreAll(model, opened, breathe, () => undefined);
    centred.forEach((y, i) => expect(scores[i]).toBeCloseTo(distanceOf(y, shrinkage || shareByDefinition()), 4));
    const restored = restore((await model.arrays?.())!);
    expect(Array.from((await restored.score(codes.subarray(-size), null)).scores)).toEqual([
      Math.fround(scores[images - 1]),
    ]);
    model.dispose();
    restored.dispose();
  },
);

it('factors a matrix and inverts the factor', async () => {
  const lower = await cholesky(scatter, size, breathe);
  const inverse = await inverseOfLower(lower, size, breathe);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let [product, unit] = [0, 0];
      for (let k = 0; k < size; k++) {
        product += lower[i * size + k] * lower[j * size + k];
        unit += lower[i * size + k] * inverse[k * size + j];
      }
      expect(product).toBeCloseTo(scatter[i * size + j], 10);
      expect(unit).toBeCloseTo(i === j ? 1 : 0, 10);
    }
  }
  await expect(cholesky(Float64Array.of(1, 2, 2, 1), 2, breathe)).rejects.toThrow('not positive definite');
});
