/** The memory of a training is estimated before it starts, and the suggested batch size fits. */
import type { Rank } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { estimate, fit } from '../../src-main/compute/anomaly/fit.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { models, type Classifier } from '../../src-main/compute/models/index.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { summarise } from '../../src-main/compute/models/summary.ts';
import { crossEntropies } from '../../src-main/compute/ops/loss.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { measureMemory, predictMemory, type Trial } from '../../src-main/compute/train/memory.ts';
import { newFolder, packed, picture } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

beforeAll(async () => void (await startBackend()));

describe('the estimate', () => {
  it('grows with batch, size and width, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const total = async (params: Record<string, unknown>): Promise<number> =>
      (await serveCall(estimate, { method: 'conv-ae', params }))!.totalMiB;
    const usual = (await serveCall(estimate, { method: 'conv-ae', params: {} }))!;
    expect(usual.batch).toBe(16);
    expect(Math.abs(usual.totalMiB - usual.fixedMiB - 16 * usual.perImageMiB)).toBeLessThan(1.5); // each value is rounded to a tenth
    expect(usual.freeMiB).toBeGreaterThan(usual.totalMiB);
    expect(await total({ batch: 64 })).toBeGreaterThan(2 * usual.totalMiB);
    // It trains on parts of 64 px, so larger images need no more.
    expect(await total({ sizePx: 256 })).toBe(usual.totalMiB);
    expect((await total({ sizePx: 32 })) / usual.totalMiB).toBeLessThan(0.5);
    expect(await total({ width: 32 })).toBeGreaterThan(1.5 * usual.totalMiB);
    expect((await serveCall(estimate, { method: 'mlp-ae', params: {} }))!.parameters).toBeGreaterThan(3_000_000);
    expect(await serveCall(estimate, { method: 'pca', params: {} })).toBeNull();
    await expect(serveCall(estimate, { method: 'conv-ae', params: { width: 0 } })).rejects.toThrow(
      /‘Width’ must be at least 1/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is close to the actual memory of the activations of 64 images', async () => {
    const { perImageMiB } = (await serveCall(estimate, {
      method: 'conv-ae',
      params: { width: 32, depth: 3 },
    }))!;
    // Forward: the outputs of the first block and three convolutions, their poolings, three upsamplings with their sums, and the image; backward about the same again.
    const down = (64 * 64 * 32 + 32 * 32 * 64 + 16 * 16 * 128) * 1.25;
    const forward = 64 * 64 * 16 * 2 + down + (16 * 16 * 64 + 32 * 32 * 32 + 64 * 64 * 16) * 2 + 64 * 64 * 3 * 3;
    expect(perImageMiB / ((forward * 4) / 2 ** 20)).toBeGreaterThan(1);
    expect(perImageMiB / ((forward * 4) / 2 ** 20)).toBeLessThan(4);
  });
});

describe('the estimate from shapes alone', () => {
  /** Smaller than the default for slow architectures. */
  const smaller: Record<string, Record<string, unknown>> = {
    'se-resnet': { width: 16 },
    vit: { depth: 2 },
    vgg: { width: 16 },
    alexnet: { width: 16 },
  };
  const cases = models.map(({ id }): [string, Record<string, unknown>] => [id, smaller[id] ?? {}]);
  it.each(cases)('of %s %o is within a quarter of the measurement', async (id, params) => {
    const architecture = models.find((model) => model.id === id)!.build(params, { sizePx: 64, classes: 4 });
    const predicted = predictMemory(summarise(architecture, 64), 2, 16);
    const network = new Network(architecture, [64, 64, 3], 0);
    try {
      const uniform = (images: number) => tf.fill<Rank.R2>([images, 4], 0.25);
      const loss: Trial<Classifier> = (x, run) => tf.mean(crossEntropies(run(x), uniform(x.shape[0])));
      const measured = await measureMemory(network, 64, loss, 2, 16);
      expect(predicted.fixedMiB).toBe(measured.fixedMiB);
      expect(predicted.totalMiB / measured.totalMiB).toBeGreaterThan(0.75);
      expect(predicted.totalMiB / measured.totalMiB).toBeLessThan(1.25);
      // An mlp stores very little per image, and each value is rounded to a tenth.
      expect(Math.abs(predicted.perImageMiB - measured.perImageMiB)).toBeLessThan(0.25 * measured.perImageMiB + 0.2);
    } finally {
      network.dispose();
    }
  });
});

it('with batch 0 the largest fitting batch is found, reported and used', async () => {
  const images = Array.from({ length: 40 }, (_, i) => picture(i));
  const folder = newFolder();
  const args = {
    method: 'conv-ae',
    params: { sizePx: 32, width: 4, depth: 2, epochs: 2, minSteps: 1, batch: 0 },
    seed: 1,
    runFolder: folder,
    images: packed(images, folder),
    train: range(0, 40),
    areNormal: true,
    resume: false,
  };
  const result = await serveCall(fit, args);
  expect(result.batch).toBe(32); // the largest power of two up to the 36 training images
  expect(result.memory?.batch).toBe(32);
  expect(result.waiting).toBeGreaterThan(0);
  expect(result.waiting).toBeLessThan(1);
  expect(result.scores.every(Number.isFinite)).toBe(true);
});
