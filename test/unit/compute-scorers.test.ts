/** What every scorer must do, whatever it is: loops over the registry. */
import fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { fit, type FitArgs, type FitEvent, type FitResult } from '../../src-main/compute/anomaly/fit.ts';
import { BadParameters } from '../../src-main/compute/bad-parameters.ts';
import { scorerOf, scorers } from '../../src-main/compute/anomaly/index.ts';
import { map } from '../../src-main/compute/anomaly/map.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fitArgs, flat, newFolder, packed, picture, sizePx } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const run = (
  args: FitArgs,
  onEvent: (event: FitEvent) => void = () => undefined,
  signal = new AbortController().signal,
): Promise<FitResult> => serveCall(fit, args, { signal, onEvent });

it('reading the records loads no tensors', () => expect(tf).toBeUndefined());

describe.each(scorers.map(({ id }) => id))('%s', (id) => {
  beforeAll(async () => void (await startBackend()));

  it('describes its parameters', () => {
    const { schema, title, summary } = scorerOf(id)!;
    const { properties } = z.toJSONSchema(schema, { io: 'input' }) as {
      properties: Record<string, { title?: string; description?: string; default?: unknown }>;
    };
    for (const [name, property] of Object.entries(properties)) {
      expect(property.title, `${name} has a title`).toBeTruthy();
      expect(property.description, `${name} has a description`).toBeTruthy();
      expect(property, `${name} has a default`).toHaveProperty('default');
    }
    expect(title && summary).toBeTruthy();
    expect(scorerOf(id)!.pixels({}).sizePx).toBe(64);
  });

  it('ranks a planted outlier first, in the same way each time, and leaks nothing', async () => {
    const folder = newFolder();
    const pixels = packed([...Array.from({ length: 23 }, (_, i) => picture(i)), picture(99, true)], folder);
    const args = fitArgs(id, pixels, folder, { train: range(0, 20), params: id === 'pca' ? {} : { minSteps: 15 } });
    const tensors = tf.memory().numTensors;
    const first = await run(args);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(first.scores.indexOf(Math.max(...first.scores))).toBe(23);
    const again = await run({ ...args, runFolder: newFolder() });
    expect(again.scores).toEqual(first.scores);
    const other = await run({ ...args, seed: 2, runFolder: newFolder() });
    expect(other.scores.indexOf(Math.max(...other.scores))).toBe(23);
    expect(first.report.mapScale).toBeGreaterThan(0);
    expect(first.peakMemoryMiB).toBeGreaterThan(10);

    const drawn = await serveCall(map, { runFolder: folder, pixels: { ...pixels, rows: Int32Array.of(23) } });
    expect(drawn.map.length).toBe(sizePx ** 2);
    expect(drawn.reconstruction.length).toBe(sizePx ** 2 * 3);
    expect(drawn.map.every(Number.isFinite)).toBe(true);
    await forgetModels();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('the map is what the score pools', async () => {
    const folder = newFolder();
    const pixels = packed(
      Array.from({ length: 6 }, (_, i) => picture(i)),
      folder,
    );
    const { scores } = await run(fitArgs(id, pixels, folder, { params: { pooling: 'max' } }));
    const drawn = await serveCall(map, { runFolder: folder, pixels: { ...pixels, rows: Int32Array.of(2) } });
    expect(Math.max(...drawn.map)).toBeCloseTo(scores[2], 6);
    await forgetModels();
  });

  it.each([1, 2, 3, 17])('takes a set of %i', async (count) => {
    const folder = newFolder();
    const pixels = packed(
      Array.from({ length: count }, (_, i) => picture(i)),
      folder,
    );
    const { scores } = await run(fitArgs(id, pixels, folder, { params: id === 'pca' ? {} : { epochs: 2 } }));
    expect(scores.length).toBe(count);
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  it('stays finite on constant images, with every pooling and correction', async () => {
    const folder = newFolder();
    const pixels = packed([flat(0), flat(255), flat(128), flat(128), flat(128)], folder);
    const { complexity } = scorerOf(id)!.schema.shape;
    for (const correction of ['none', 'entropy'].filter((c) => complexity.safeParse(c).success)) {
      for (const pooling of ['mean', 'quantile', 'max']) {
        const { scores, report } = await run(
          fitArgs(id, pixels, folder, {
            params: { complexity: correction, pooling, ...(id === 'pca' ? {} : { epochs: 1, loss: 'mixed' }) },
          }),
        );
        expect(scores.every(Number.isFinite)).toBe(true);
        expect(Object.values(report).every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('says what is wrong with parameters', async () => {
    const folder = newFolder();
    const pixels = packed([picture(1)], folder);
    await expect(run(fitArgs(id, pixels, folder, { params: { smoothing: -1 } }))).rejects.toThrow(BadParameters);
    if (id === 'conv-ae')
      await expect(run(fitArgs(id, pixels, folder, { params: { depth: 6 } }))).rejects.toThrow(/depth: the image/);
    await expect(run(fitArgs(id, pixels, folder, { params: { sizePx: 128 } }))).rejects.toThrow(/128|size/);
    await expect(run(fitArgs(id, pixels, folder, { train: new Int32Array(0) }))).rejects.toThrow(/no image/);
  });
});

describe.each(['conv-ae', 'mlp-ae'])('%s', (id) => {
  const pictures = Array.from({ length: 20 }, (_, i) => picture(i));

  it('resumes from its checkpoint to the same scores, bit for bit', async () => {
    await startBackend();
    const params = { dropout: 0.2, noise: 0.05, shift: 0.06, flip: true, epochs: 8 };
    const whole = newFolder();
    const pixels = packed(pictures, whole);
    const uninterrupted = await run(fitArgs(id, pixels, whole, { params }));
    const cut = newFolder();
    const stop = new AbortController();
    const watch = (event: FitEvent): void => void (event.stage === 'train' && event.epoch === 3 && stop.abort());
    await expect(run(fitArgs(id, pixels, cut, { params }), watch, stop.signal)).rejects.toThrow(Cancelled);
    const resumed = await run(fitArgs(id, pixels, cut, { params, resume: true }));
    expect(resumed.resumedFrom).toBeGreaterThanOrEqual(2);
    expect(resumed.resumedFrom).toBeLessThan(8);
    expect(resumed.scores).toEqual(uninterrupted.scores);
    expect(resumed.history.map(({ loss, valLoss }) => [loss, valLoss])).toEqual(
      uninterrupted.history.map(({ loss, valLoss }) => [loss, valLoss]),
    );
    // A checkpoint of other settings is not taken for ours.
    const other = await run(fitArgs(id, pixels, cut, { params: { ...params, epochs: 2 }, resume: true }));
    expect(other.resumedFrom).toBeNull();
    fs.rmSync(cut, { recursive: true });
  });

  it('stops early and keeps the best weights', async () => {
    const folder = newFolder();
    const result = await run(
      fitArgs(id, packed(pictures, folder), folder, {
        params: { epochs: 60, minSteps: 1, patience: 1, validation: 0.3, learningRate: 0.05 },
      }),
    );
    expect(result.stopped).toBe('early');
    expect(result.epochsRun).toBeLessThan(60);
    const best = Math.min(...result.history.map((e) => e.valLoss!));
    expect(result.history[result.bestEpoch - 1].valLoss).toBe(best);
  });

  it('trains one image a step and without held-out images', async () => {
    const folder = newFolder();
    const result = await run(
      fitArgs(id, packed(pictures.slice(0, 5), folder), folder, { params: { batch: 1, validation: 0, epochs: 2 } }),
    );
    expect(result.scores.every(Number.isFinite)).toBe(true);
    expect(result.history[0].valLoss).toBeNull();
  });
});
