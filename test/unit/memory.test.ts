/** The memory of a training is estimated before it starts, and the suggested batch size fits. */
import { beforeAll, describe, expect, it } from 'vitest';
import { estimate, fit } from '../../src-main/compute/anomaly/fit.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { range } from '../../src-main/compute/pixels.ts';
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
    expect(Math.abs(usual.totalMiB - usual.fixedMiB - 16 * usual.perImageMiB)).toBeLessThan(1.5); // each is told to a tenth
    expect(usual.freeMiB).toBeGreaterThan(usual.totalMiB);
    expect(await total({ batch: 64 })).toBeGreaterThan(2 * usual.totalMiB);
    expect((await total({ sizePx: 128 })) / usual.totalMiB).toBeGreaterThan(2.5);
    expect(await total({ width: 32 })).toBeGreaterThan(1.5 * usual.totalMiB);
    expect((await serveCall(estimate, { method: 'mlp-ae', params: {} }))!.parameters).toBeGreaterThan(3_000_000);
    expect(await serveCall(estimate, { method: 'pca', params: {} })).toBeNull();
    await expect(serveCall(estimate, { method: 'conv-ae', params: { width: 0 } })).rejects.toThrow(/width/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is close to the actual memory of the activations of 64 images', async () => {
    const { perImageMiB } = (await serveCall(estimate, {
      method: 'conv-ae',
      params: { width: 32, depth: 3, bottleneck: 0 },
    }))!;
    // Forward: three convolutions' results and what their pooling leaves, three doublings; backward about the same once more.
    const forward =
      (64 * 64 * 32 + 32 * 32 * 64 + 16 * 16 * 128) * 1.25 + 16 * 16 * 64 + 32 * 32 * 32 + 64 * 64 * 3 * 2;
    expect(perImageMiB / ((forward * 4) / 2 ** 20)).toBeGreaterThan(1);
    expect(perImageMiB / ((forward * 4) / 2 ** 20)).toBeLessThan(4);
  });
});

it('a batch that is looked for is found, told and kept', async () => {
  const images = Array.from({ length: 40 }, (_, i) => picture(i));
  const folder = newFolder();
  const args = {
    method: 'conv-ae',
    params: { sizePx: 32, width: 4, depth: 2, epochs: 2, minSteps: 1, batch: 0 },
    seed: 1,
    runFolder: folder,
    images: packed(images, folder),
    train: range(0, 40),
    resume: false,
  };
  const result = await serveCall(fit, args);
  expect(result.batch).toBe(32); // the largest power of two that the 36 images trained on give
  expect(result.memory?.batch).toBe(32);
  expect(result.waiting).toBeGreaterThan(0);
  expect(result.waiting).toBeLessThan(1);
  expect(result.scores.every(Number.isFinite)).toBe(true);
});
