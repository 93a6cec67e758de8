/** The Gaussian of embeddings, compared with its definition on small sets, with more and with fewer images than dimensions. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scoreAll } from '../../src-main/compute/anomaly/fit.ts';
import { gaussian } from '../../src-main/compute/anomaly/gaussian.ts';
import { ledoitWolf, levelWithout, withoutImage } from '../../src-main/compute/anomaly/shrinkage.ts';
import { openImages } from '../../src-main/compute/anomaly/images.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { cholesky, inverseOfLower, solve } from '../../src-main/compute/linear-algebra.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import { newFolder } from './compute-pictures.ts';

const [images, size] = [14, 4];
const yieldToEventLoop = async (): Promise<void> => undefined;
const noise = fillNormal(new Float64Array(images * size), random('gaussian', 1));
const codes = Float32Array.from(noise, (v, at) => v * (1 + (at % size)) + noise[at - (at % size)] + 5);
const rowOf = (i: number): number[] => [...codes.subarray(i * size, (i + 1) * size)];
const entries = (work: (i: number, j: number) => number): number[][] =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => work(i, j)));

const folder = newFolder();
const file = path.join(folder, 'codes.f32');
beforeAll(async () => {
  fs.writeFileSync(file, new Uint8Array(codes.buffer));
  await startBackend();
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

describe.each([10, 3])('fitted on %i images', (trained) => {
  const mean = rowOf(0).map((_, j) => Array.from(range(0, trained)).reduce((sum, i) => sum + rowOf(i)[j] / trained, 0));
  const centred = Array.from({ length: images }, (_, i) => rowOf(i).map((v, j) => v - mean[j]));
  const own = centred.slice(0, trained);
  const covariance = entries((i, j) => own.reduce((sum, x) => sum + (x[i] * x[j]) / trained, 0));
  const level = covariance.reduce((sum, row, i) => sum + row[i] / size, 0);

  /** The shrinkage of Ledoit and Wolf: mean squared error of the covariance, divided by its squared distance from equal variances. */
  function shareByDefinition(): number {
    let [error, away] = [0, 0];
    covariance.forEach((row, i) =>
      row.forEach((value, j) => {
        for (const x of own) error += (x[i] * x[j] - value) ** 2 / trained ** 2;
        away += (value - (i === j ? level : 0)) ** 2;
      }),
    );
    return Math.min(error, away) / away;
  }

  /** √(y · Σ⁻¹ · y) with this shrinkage. */
  function distanceOf(y: number[], share: number): number {
    const x = solve(
      entries((i, j) => (1 - share) * covariance[i][j] + (i === j ? share * level : 0)),
      [...y],
    );
    return Math.sqrt(y.reduce((sum, v, i) => sum + v * x[i], 0));
  }

  it('has the shrinkage of Ledoit and Wolf, by the covariance or the Gram matrix', () => {
    const fourth = own.reduce((sum, x) => sum + Math.hypot(...x) ** 4 / trained, 0);
    const gram = own.flatMap((x) => own.map((y) => x.reduce((sum, v, i) => sum + (v * y[i]) / trained, 0)));
    for (const matrix of [covariance.flat(), gram])
      expect(ledoitWolf(Float64Array.from(matrix), fourth, trained, size)).toBeCloseTo(shareByDefinition(), 10);
    expect(shareByDefinition()).toBeGreaterThan(0.05);
    expect(ledoitWolf(new Float64Array(size * size), 0, trained, size)).toBe(0);
  });

  it.each([0, 0.3, 1])('gives the Mahalanobis distance, also of other images (shrinkage %d)', async (shrinkage) => {
    const opened = openImages(gaussian, {}, { file, type: 'float32', shape: [size], rows: range(0, images) });
    const { fit, restore } = gaussian.ready({ shrinkage });
    const context = {
      seed: 1,
      images: opened.reader,
      train: range(0, trained),
      areNormal: true,
      checkpointFile: '',
      resume: false,
    };
    const { model } = await fit({ ...context, onEvent: () => undefined, yieldToEventLoop });
    const { scores } = await scoreAll(model, opened, yieldToEventLoop, () => undefined);
    const share = shrinkage || shareByDefinition();
    const restored = restore((await model.tensors?.())!.arrays);
    const { scores: asNew } = await restored.score(codes, new Int32Array(images).fill(-1));
    centred.forEach((y, i) => expect(asNew[i]).toBeCloseTo(distanceOf(y, share), 3));
    for (let i = trained; i < images; i++) expect(scores[i]).toBeCloseTo(asNew[i], 5);
    // A training image is scored as if it were not one: by the Sherman–Morrison formula.
    for (let i = 0; i < trained; i++)
      expect(scores[i]).toBeCloseTo(
        Math.sqrt(
          withoutImage({ yy: asNew[i] ** 2, xy: asNew[i] ** 2, xx: asNew[i] ** 2 }, trained, Math.max(share, 1e-4)),
        ),
        2,
      );
    for (const { dispose } of [model, restored, { dispose: opened.close }]) dispose();
  });
});

it('factors a matrix and inverts the factor', async () => {
  const matrix = Float64Array.of(4, 2, 0.6, 2, 5, 1, 0.6, 1, 3);
  const lower = await cholesky(matrix, 3, yieldToEventLoop);
  const inverse = await inverseOfLower(lower, 3, yieldToEventLoop);
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      let [product, unit] = [0, 0];
      for (let k = 0; k < 3; k++) {
        product += lower[i * 3 + k] * lower[j * 3 + k];
        unit += lower[i * 3 + k] * inverse[k * 3 + j];
      }
      expect(product).toBeCloseTo(matrix[i * 3 + j], 12);
      expect(unit).toBeCloseTo(i === j ? 1 : 0, 12);
    }
  }
  await expect(cholesky(Float64Array.of(1, 2, 2, 1), 2, yieldToEventLoop)).rejects.toThrow('not positive definite');
});

it('the variance without an image is that of the others, and never larger', () => {
  const [images, size] = [12, 5];
  const rows = Array.from({ length: images }, (_, i) =>
    fillNormal(new Float64Array(size), random('level', i)).map((value) => (i === 3 ? 10 : 1) * value),
  );
  /** The mean variance, and the squared distance of each row to the mean. */
  const levelOf = (of: readonly Float64Array[]): { level: number; lengths: number[] } => {
    const mean = Float64Array.from({ length: size }, (_, d) => meanOf(of.map((row) => row[d])));
    const lengths = of.map((row) => row.reduce((sum, value, d) => sum + (value - mean[d]) ** 2, 0));
    return { level: meanOf(lengths) / size, lengths };
  };
  const { level, lengths } = levelOf(rows);
  const others = levelOf(rows.filter((_, i) => i !== 3)).level;
  expect(levelWithout(level, lengths[3], images, size)).toBeCloseTo(level / others, 9);
  expect(levelWithout(level, Math.min(...lengths), images, size)).toBe(1);
  expect(levelWithout(undefined, lengths[3], images, size)).toBe(1);
});
