/** Building blocks of the scorers, compared with known values. */
import fs from 'node:fs';
import path from 'node:path';
import type { Scalar, Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { relativeToEntropy } from '../../src-main/compute/anomaly/complexity.ts';
import { gradientErrors, pool, squaredErrors } from '../../src-main/compute/anomaly/error-map.ts';
import {
  fitNormalErrors,
  normalErrorsFrom,
  normalisedMaps,
  tensorsOf,
} from '../../src-main/compute/anomaly/normal-errors.ts';
import { luminanceEntropy } from '../../src-main/compute/entropy.ts';
import { orthonormalise, symmetricEigen } from '../../src-main/compute/linear-algebra.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { convAutoencoder } from '../../src-main/compute/models/conv-autoencoder.ts';
import { dropout, uniform } from '../../src-main/compute/ops/dropout.ts';
import { filterBoth, smoothingWindow } from '../../src-main/compute/ops/gaussian.ts';
import { activate } from '../../src-main/compute/ops/activation.ts';
import { addBias } from '../../src-main/compute/ops/bias.ts';
import { meanSquaredError } from '../../src-main/compute/ops/loss.ts';
import { normalise } from '../../src-main/compute/ops/norm.ts';
import { maxPool } from '../../src-main/compute/ops/pool.ts';
import { uploadPixels } from '../../src-main/compute/ops/upload.ts';
import { Pixels, range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random, shuffle } from '../../src-main/compute/random.ts';
import { rankCorrelation, ranks } from '../../src-main/compute/rank-correlation.ts';
import { readTensors, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { corrupt } from '../../src-main/compute/train/corruption.ts';
import { batchesOf, holdOut, stepsOf } from '../../src-main/compute/train/batches.ts';
import { runTraining } from '../../src-main/compute/train/loop.ts';
import { reconstruct } from '../../src-main/compute/train/reconstruction.ts';
import { TrainState } from '../../src-main/compute/train/state.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';

beforeAll(async () => void (await startBackend()));

const noisy = (shape: [number, number, number, number], seed: number): Tensor4D =>
  tf.tensor(fillNormal(new Float32Array(shape.reduce((a, b) => a * b)), random('noisy', seed)), shape);

describe('rank correlation', () => {
  it('equals known values', () => {
    // scipy.stats.spearmanr
    expect(rankCorrelation([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(rankCorrelation([1, 2, 3], [9, 4, 1])).toBeCloseTo(-1, 12);
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBe(0);
    expect(rankCorrelation([], [])).toBe(0);
    expect([...ranks([10, 20, 20, 5])]).toEqual([2, 3.5, 3.5, 1]);
  });
});

describe('entropy', () => {
  it('is 0 for one gray level, 1 bit for two, 8 for all', () => {
    const greys = (n: number): Uint8Array =>
      Uint8Array.from({ length: 256 * 3 }, (_, i) => Math.floor(Math.floor(i / 3) % n) * Math.floor(256 / n));
    expect(luminanceEntropy(greys(1))).toBe(0);
    expect(luminanceEntropy(greys(2))).toBeCloseTo(1, 12);
    expect(luminanceEntropy(greys(256))).toBeCloseTo(8, 12);
  });

  it('the correction compares with images of similar entropy', () => {
    // Errors follow entropy, except for one image.
    const entropies = Array.from({ length: 200 }, (_, i) => i / 40);
    const errors = entropies.map((e, i) => Math.exp(e + 0.1 * Math.sin(i * 7)));
    errors[60] *= 2;
    const corrected = relativeToEntropy(errors, entropies, errors.keys().toArray());
    expect(corrected.indexOf(Math.max(...corrected))).toBe(60);
    expect(Math.abs(rankCorrelation(corrected, entropies))).toBeLessThan(0.4);
    expect(rankCorrelation(errors, entropies)).toBeGreaterThan(0.95);
  });
});

describe('errors of a reconstruction', () => {
  const image = (value: (x: number, y: number) => number, size = 16): Tensor4D =>
    tf.tensor4d(
      Array.from({ length: size * size * 3 }, (_, i) => value(Math.floor(i / 3) % size, Math.floor(i / 3 / size))),
      [1, size, size, 3],
    );
  const values = (errors: Tensor): number[] => [...errors.dataSync()];

  it('are 0 for equal images; a change of brightness is a squared error, and none of gradients', () => {
    const x = tf.sigmoid(noisy([1, 16, 16, 3], 1)) as Tensor4D;
    for (const errors of [squaredErrors, gradientErrors])
      values(errors(x, x)).forEach((v) => expect(v).toBeCloseTo(0, 5));
    const brighter = tf.add(x, 0.1) as Tensor4D;
    values(squaredErrors(x, brighter)).forEach((v) => expect(v).toBeCloseTo(0.01, 5));
    values(gradientErrors(x, brighter)).forEach((v) => expect(v).toBeCloseTo(0, 4));
  });

  it('of gradients equal the formula', () => {
    // A ramp has the gradient 2·slope at each scale, times two per halving; the border is mirrored, so only the centre is compared.
    const slope = 0.01;
    const [x, y] = [image((column) => column * slope, 64), image(() => 0.5, 64)];
    const likeness = [1, 2, 4].map((scale) => 0.0026 / ((2 * slope * scale) ** 2 + 0.0026));
    const expected = 1 - likeness.reduce((a, b) => a + b, 0) / 3;
    expect(values(gradientErrors(x, y))[32 * 64 + 32]).toBeCloseTo(expected, 4);
  });

  it('stay constant under smoothing, and the highest are pooled', () => {
    const smooth = filterBoth(tf.ones([1, 12, 12, 1]), smoothingWindow(12, 2)).dataSync();
    expect(Math.min(...smooth)).toBeCloseTo(1, 5);
    expect(pool(Float32Array.from({ length: 400 }, (_, i) => i))).toBe(398.5);
    expect(pool(Float32Array.of(3, 7, 1))).toBe(7);
  });
});

describe('normal errors', () => {
  it('give a defect where errors are rare, not where they are usual', async () => {
    // The right half is noise: no reconstruction knows it. The left half is constant; in the last image it has a faint spot.
    const next = random('noise');
    const made = Array.from({ length: 13 }, (_, i) => {
      const bytes = new Uint8Array(sizePx * sizePx * 3).fill(100);
      for (let at = 0; at < bytes.length; at++) {
        const [x, y] = [Math.floor(at / 3) % sizePx, Math.floor(at / 3 / sizePx)];
        if (x >= sizePx / 2) bytes[at] = next() * 256;
        else if (i === 12 && x > 4 && x < 9 && y > 4 && y < 9) bytes[at] = 170;
      }
      return bytes;
    });
    const pixels = new Pixels(packed(made, newFolder()));
    const path = {
      reconstruct: (x: Tensor4D) => tf.fill(x.shape, 100 / 255) as Tensor4D,
      errors: squaredErrors,
    };
    const normal = await fitNormalErrors(
      path,
      pixels,
      range(0, 10),
      async () => undefined,
      () => undefined,
    );
    expect(normalErrorsFrom('a', tensorsOf('a', normal))).toEqual(normal);
    expect(() => normalErrorsFrom('b', tensorsOf('a', normal))).toThrow(/Rank again/);
    const x = uploadPixels(pixels.read(range(0, 13)), 13, sizePx);
    const [raw, maps] = [squaredErrors(x, path.reconstruct(x)), normalisedMaps(x, [{ ...path, normal }])];
    const [rawScores, scores] = [raw, maps].map((all) => tf.unstack(all).map((map) => pool(map.dataSync<'float32'>())));
    expect(rawScores.indexOf(Math.max(...rawScores))).not.toBe(12);
    expect(scores.indexOf(Math.max(...scores))).toBe(12);
    expect(Math.max(...scores.slice(10, 12))).toBeLessThan(scores[12] / 3);
    // The highest of several paths counts.
    const both = normalisedMaps(x, [
      { ...path, normal },
      { reconstruct: (image) => image, errors: gradientErrors, normal },
    ]);
    expect([...both.dataSync()]).toEqual([
      ...tf
        .maximum(maps, normalisedMaps(x, [{ reconstruct: (image) => image, errors: gradientErrors, normal }]))
        .dataSync(),
    ]);
    pixels.close();
  });
});

describe('corruptions', () => {
  it('change parts of most images, depend on the seed only, and leave the others as they are', () => {
    const clean = Uint8Array.from([...range(0, 40)].flatMap((i) => [...picture(i)]));
    const made = (seed: number): Uint8Array => {
      const bytes = clean.slice();
      corrupt(bytes, sizePx, random('corrupt', seed));
      return bytes;
    };
    const dirty = made(1);
    expect(made(1)).toEqual(dirty);
    expect(made(2)).not.toEqual(dirty);
    const rowBytes = sizePx * sizePx * 3;
    const changed = [...range(0, 40)].map((i) => {
      const of = (bytes: Uint8Array): Uint8Array => bytes.subarray(i * rowBytes, (i + 1) * rowBytes);
      return of(dirty).filter((v, at) => v !== of(clean)[at]).length / rowBytes;
    });
    expect(changed.filter((share) => share === 0).length).toBeGreaterThan(2);
    expect(changed.filter((share) => share > 0).length).toBeGreaterThan(20);
    expect(Math.max(...changed)).toBeLessThan(0.5);
  });
});

describe('fused kernels equal the composed ops', () => {
  const close = (a: Tensor, b: Tensor, digits = 4): void =>
    b.dataSync().forEach((v, i) => expect(a.dataSync()[i]).toBeCloseTo(v, digits));

  function compare(ours: (x: Tensor4D) => Tensor, plain: (x: Tensor4D) => Tensor): void {
    const [x, weigh] = [noisy([4, 6, 6, 5], 4), noisy([4, 6, 6, 5], 9)];
    close(ours(x), plain(x));
    const weighed = (f: (x: Tensor4D) => Tensor) => (x: Tensor4D) => {
      const y = f(x);
      return tf.sum(tf.mul(y, tf.slice(weigh, [0, 0, 0, 0], y.shape as [number, number, number, number])));
    };
    close(tf.grad(weighed(ours) as (x: Tensor) => Tensor)(x), tf.grad(weighed(plain) as (x: Tensor) => Tensor)(x));
  }

  it('batch normalisation', () => {
    const [gamma, beta] = [tf.tensor1d([1, 2, 0.5, 1, 1]), tf.tensor1d([0, 1, 2, 3, 4])];
    compare(
      (x) => normalise(x, gamma, beta, { epsilon: 1e-3 }).y,
      (x) => {
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-3))), gamma), beta);
      },
    );
  });
  it('ReLU', () =>
    compare(
      (x) => activate(x, 'relu'),
      (x) => tf.relu(x),
    ));
  it('max pooling', () =>
    compare(
      (x) => maxPool(x, 2, 2, 'valid'),
      (x) => tf.maxPool(x, 2, 2, 'valid'),
    ));
  it('bias', () => {
    const bias = tf.tensor1d([1, 2, 3, 4, 5]) as Tensor1D;
    compare(
      (x) => addBias(x, bias),
      (x) => tf.add(x, bias),
    );
  });
});

describe('gradients', () => {
  it.each([false, true])('of the autoencoder agree with finite differences; skips: %s', (skips) => {
    const network = new Network(convAutoencoder({ width: 4, depth: 2, skips }), [16, 16, 3], 1);
    const x = tf.sigmoid(noisy([3, 16, 16, 3], 5)) as Tensor4D;
    const value = (): Scalar => {
      const pass = network.train(x, [0]);
      return meanSquaredError(x, pass.y);
    };
    const { grads } = tf.variableGrads(() => value(), [network.weights]);
    const gradient = grads[network.weights.name].dataSync<'float32'>();
    const at = network.weights.dataSync().slice();
    // Along the gradient the change is largest, so that float32 is precise enough.
    const length = Math.sqrt(gradient.reduce((s, g) => s + g * g, 0));
    const moved = (step: number): number => {
      network.weights.assign(tf.tensor1d(Float32Array.from(at, (w, i) => w + (step * gradient[i]) / length)));
      return value().dataSync()[0];
    };
    const step = 2e-3;
    expect((moved(step) - moved(-step)) / (2 * step) / length).toBeCloseTo(1, 1);
    network.dispose();
  });
});

describe('out of memory', () => {
  it('halves the batch until it fits, and continues', async () => {
    const pixels = new Pixels(
      packed(
        Array.from({ length: 16 }, (_, i) => picture(i)),
        newFolder(),
      ),
    );
    const network = new Network(convAutoencoder({ width: 2, depth: 2, dropout: 0 }), [sizePx, sizePx, 3], 1);
    const train = network.train.bind(network);
    network.train = (x, seed) => {
      if (x.shape[0] > 5) throw new Error('OOM when allocating tensor');
      return train(x, seed);
    };
    const state = new TrainState(network);
    const halved: number[] = [];
    const training = {
      pixels,
      train: range(0, 16),
      objective: reconstruct(),
      epochs: 2,
      batch: 16,
      minSteps: 1,
      rate: () => 0.001,
      make: { shiftPx: 0, flip: false },
      seed: 1,
    };
    await runTraining(
      state,
      training,
      [{ onBatchHalved: ({ mostAtOnce }) => halved.push(mostAtOnce) }],
      async () => undefined,
    );
    expect(halved).toEqual([8, 4]);
    expect(state.history.length).toBe(2);
    state.dispose();
    network.dispose();
    pixels.close();
  });
});

describe('random numbers', () => {
  it('are uniform, normal and repeatable', () => {
    const values = Array.from({ length: 10000 }, random('test', 1));
    expect(values.reduce((a, b) => a + b) / 10000).toBeCloseTo(0.5, 1);
    expect(Array.from({ length: 5 }, random('test', 1))).toEqual(values.slice(0, 5));
    expect(random('test', 2)()).not.toBe(values[0]);
    const normal = fillNormal(new Float64Array(10000), random('normal'));
    expect(Math.sqrt(normal.reduce((s, v) => s + v * v, 0) / 10000)).toBeCloseTo(1, 1);
    expect(new Set(shuffle(range(0, 100), random('shuffle'))).size).toBe(100);
  });

  it('make a dropout mask that depends on the seed only', () => {
    const ones = tf.ones([1000]);
    expect(dropout(ones, 0.3, [1, 'a']).mean().dataSync()[0]).toBeCloseTo(1, 0);
    expect(uniform([50], [1, 2]).dataSync()).toEqual(uniform([50], [1, 2]).dataSync());
    expect(uniform([50], [1, 2]).dataSync()).not.toEqual(uniform([50], [1, 3]).dataSync());
  });
});

describe('batches', () => {
  it('contain every image, have similar sizes, and are shuffled by seed and epoch', () => {
    const all = [...batchesOf(range(0, 33), 32, 1, 7, 0)];
    expect(all.map((b) => b.length)).toEqual([16, 17]);
    expect(all.flatMap((b) => [...b]).sort((a, b) => a - b)).toEqual([...range(0, 33)]);
    expect([...batchesOf(range(0, 33), 32, 1, 7, 0)]).toEqual(all);
    expect([...batchesOf(range(0, 33), 32, 1, 7, 1)]).not.toEqual(all);
    expect([...batchesOf(range(0, 5), 32, 8, 7, 0)].length).toBe(stepsOf(5, 32, 8));
    expect(stepsOf(5, 32, 8)).toBe(8);
  });

  it('hold out some images, never all', () => {
    for (const n of [1, 2, 3, 10, 100]) {
      const { train, held } = holdOut(range(0, n), 0.5, 1);
      expect(train.length + held.length).toBe(n);
      expect(train.length).toBeGreaterThanOrEqual(Math.min(n, 2));
      expect(new Set([...train, ...held]).size).toBe(n);
    }
  });
});

describe('pixels', () => {
  it('are read by position and become floats on the device', () => {
    const folder = newFolder();
    const set = packed([picture(1), picture(2), picture(3)], folder);
    const pixels = new Pixels({ ...set, rows: Int32Array.of(2, 0) });
    expect(pixels.read(Int32Array.of(1, 0)).slice(0, pixels.rowBytes)).toEqual(picture(1));
    const x = uploadPixels(pixels.read(Int32Array.of(0)), 1, sizePx).dataSync();
    picture(3).forEach((byte, i) => Math.abs(x[i] - byte / 255) > 1e-6 && expect(x[i]).toBe(byte / 255));
    pixels.close();
    expect(() => new Pixels({ ...set, rows: Int32Array.of(3) })).toThrow(/end before row 3/);
  });
});

describe('linear algebra', () => {
  it('eigenvectors reconstruct the matrix, and columns are orthonormal', async () => {
    const n = 6;
    const a = fillNormal(new Float64Array(n * n), random('matrix'));
    const symmetric = Float64Array.from(a, (_, at) => a[at] + a[(at % n) * n + Math.floor(at / n)]);
    const { values, vectors } = await symmetricEigen(symmetric, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += vectors[i * n + k] * values[k] * vectors[j * n + k];
        expect(sum).toBeCloseTo(symmetric[i * n + j], 9);
      }
    }
    expect([...values]).toEqual([...values].sort((x, y) => y - x));
    const q = orthonormalise(fillNormal(new Float64Array(50 * 4), random('columns')), 50, 4);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        let sum = 0;
        for (let r = 0; r < 50; r++) sum += q[r * 4 + i] * q[r * 4 + j];
        expect(sum).toBeCloseTo(i === j ? 1 : 0, 10);
      }
    }
  });
});

describe('tensor files', () => {
  it('are read back unchanged; a truncated file is rejected', () => {
    const file = path.join(newFolder(), 'a.bin');
    const content = { header: { name: 'ü' }, arrays: { a: Float32Array.of(1, 2, 3), none: new Float32Array(0) } };
    writeTensors(file, content);
    expect(readTensors(file)).toEqual(content);
    fs.truncateSync(file, fs.statSync(file).size - 1);
    expect(readTensors(file)).toBeUndefined();
    expect(readTensors(`${file}.not`)).toBeUndefined();
  });
});
