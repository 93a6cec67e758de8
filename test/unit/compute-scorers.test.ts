/** Properties that every scorer must have, tested in loops over the registry. */
import fs from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { fit, type FitArgs, type FitEvent, type FitResult } from '../../src-main/compute/anomaly/fit.ts';
import { BadParameters } from '../../src-main/compute/bad-parameters.ts';
import { scorerOf, scorers } from '../../src-main/compute/anomaly/index.ts';
import { pool } from '../../src-main/compute/anomaly/error-map.ts';
import { openImages } from '../../src-main/compute/anomaly/images.ts';
import { map, reconstruct } from '../../src-main/compute/anomaly/map.ts';
import { score } from '../../src-main/compute/anomaly/score.ts';
import { embed } from '../../src-main/compute/embed/codes.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { auroc } from '../../src-main/contract/statistics.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { checkpointFile, modelFile } from '../../src-main/compute/run-files.ts';
import { readTensors, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { selectRows } from '../../src-main/rows/row-set.ts';
import { fitArgs, flat, imagesFor, newFolder, packed, patchSide, picture, sizePx } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const run = (
  args: FitArgs,
  onEvent: (event: FitEvent) => void = () => undefined,
  signal = new AbortController().signal,
): Promise<FitResult> => serveCall(fit, args, { signal, onEvent });

it('importing the records does not load TensorFlow', () => expect(tf).toBeUndefined());

const pictures = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => picture(i));
const quickly = { epochs: 2 };

/** A cross with stripes: unusual as a whole, and in each of its patches. */
const outlier = picture(99, true).map((value, at) => (Math.floor(at / (3 * sizePx)) % 2 ? value / 2 : value));

describe.each(scorers.map((scorer) => [scorer.id, scorer] as const))('%s', (id, scorer) => {
  const { inputs, gives } = scorer;
  /** Training images are compared with the others only. Those that learn to reconstruct cannot leave out an image afterwards. */
  const leavesOut = inputs !== 'pixels' && id !== 'feature-ae';
  beforeAll(async () => void (await startBackend()));

  it('describes its parameters, inputs and outputs', () => {
    const { schema, title, short, summary } = scorer;
    const { properties } = z.toJSONSchema(schema, { io: 'input' }) as {
      properties: Record<string, { title?: string; description?: string; default?: unknown }>;
    };
    for (const [name, property] of Object.entries(properties)) {
      expect(property.title, `${name} has a title`).toBeTruthy();
      expect(property.description, `${name} has a description`).toBeTruthy();
      expect(property, `${name} has a default`).toHaveProperty('default');
    }
    expect(title && short && summary && gives.score.title).toBeTruthy();
    expect(scorerOf(id)).toBe(scorer);
    expect(scorer.sizePx({})).toBe(
      id === 'mlp-ae' ? 64 : { pixels: 128, patches: 0, features: 0, embeddings: undefined }[inputs],
    );
  });

  it('ranks a planted outlier first, reproducibly, without leaks', async () => {
    const folder = newFolder();
    const images = imagesFor(scorer, [...pictures(23), outlier], folder);
    const args = fitArgs(id, images, folder, { train: range(0, 20), params: { epochs: 10, minSteps: 15 } });
    const tensors = tf.memory().numTensors;
    const events: FitEvent[] = [];
    const first = await run(args, (event) => events.push(event));
    expect(tf.memory().numTensors).toBe(tensors);
    expect(first.scores.indexOf(Math.max(...first.scores))).toBe(23);
    const again = await run({ ...args, runFolder: newFolder() });
    expect(again.scores).toEqual(first.scores);
    const other = await run({ ...args, seed: 2, runFolder: newFolder() });
    expect(other.scores.indexOf(Math.max(...other.scores))).toBe(23);
    expect(events.findLast(({ stage }) => stage === 'score')).toEqual({ stage: 'score', done: 24, total: 24 });
    expect(first.parameters).toBeGreaterThan(0);
    expect(first.imagesPerSecond).toBeGreaterThan(0);
    expect(first.peakMemoryMiB).toBeGreaterThan(10);
  });

  it('gives the outputs of its record in the declared shape, and refuses others with an error message', async () => {
    const folder = newFolder();
    const images = imagesFor(scorer, [...pictures(9), picture(99, true)], folder);
    const tensors = tf.memory().numTensors;
    const { report } = await run(fitArgs(id, images, folder, { params: quickly }));
    const one = { runFolder: folder, images: selectRows(images, Int32Array.of(9)) };
    if (gives.map) {
      expect(report.mapScale).toBeGreaterThan(0);
      const { map: drawn, rows, columns } = await serveCall(map, one);
      const [least, most] = 'patches features'.includes(inputs) ? [patchSide / 2, patchSide] : [sizePx, sizePx];
      expect([drawn.length, columns]).toEqual([rows * columns, rows]);
      expect(rows >= least && rows <= most).toBe(true);
      expect(drawn.every(Number.isFinite)).toBe(true);
    } else {
      expect(report.mapScale).toBeUndefined();
      await expect(serveCall(map, one)).rejects.toThrow(/no map|no model/);
    }
    if (gives.reconstruction) {
      const drawn = await serveCall(reconstruct, one);
      expect([drawn.reconstruction.length, drawn.sizePx]).toEqual([sizePx ** 2 * 3, sizePx]);
    } else await expect(serveCall(reconstruct, one)).rejects.toThrow(/no reconstruction|no model/);
    const codes = serveCall(embed, { ...one, images });
    if (gives.code) expect((await codes).codes.length).toBe(10 * (await codes).size);
    else await expect(codes).rejects.toThrow(/no codes|no model/);
    expect(report.spearmanEntropy === undefined).toBe(inputs !== 'pixels');
    await forgetModels();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each([2, 3, 17])('takes a set of %i', async (count) => {
    const folder = newFolder();
    const { scores } = await run(fitArgs(id, imagesFor(scorer, pictures(count), folder), folder, { params: quickly }));
    expect(scores.length).toBe(count);
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  it('knows the training images again: the kept model gives their scores and maps as the fit did', async () => {
    const folder = newFolder();
    const images = imagesFor(scorer, [...pictures(13), outlier], folder);
    const tensors = tf.memory().numTensors;
    // Fewer images than are trained on are scored, in another order, as files of another folder.
    const args = fitArgs(id, images, folder, { train: range(1, 11), params: quickly });
    const { scores } = await run(args);
    const order = Int32Array.of(13, 4, 12, 1, 9, 0);
    const others = selectRows(images, order);
    const again = await serveCall(score, { runFolder: folder, images: others });
    order.forEach((position, i) => expect(again[i] / scores[position]).toBeCloseTo(1, 4));
    if (leavesOut) {
      const { sha256: _, ...unknown } = others;
      const asNew = await serveCall(score, { runFolder: folder, images: unknown });
      order.forEach((position, i) => {
        if (position >= 1 && position < 11) expect(asNew[i]).toBeLessThan(0.97 * scores[position]);
        else expect(asNew[i]).toBe(again[i]);
      });
    }
    if (gives.map) {
      const ready = scorer.ready(args.params);
      const opened = openImages(scorer, ready.params, images);
      const context = { ...{ seed: 1, images: opened.reader, train: args.train }, areNormal: true, resume: false };
      const { model } = await ready.fit({
        ...{ ...context, checkpointFile: checkpointFile(newFolder()), onEvent: () => undefined },
        yieldToEventLoop: async () => undefined,
      });
      const maps: Float32Array[] = [];
      await opened.forEachBlock(async (block, positions) => {
        const { values, rows, columns } = (await model.score(block, positions)).maps!;
        positions.forEach((_, i) => maps.push(values.slice(i * rows * columns, (i + 1) * rows * columns)));
      });
      model.dispose();
      opened.close();
      for (const position of [13, 4, 0]) {
        const one = { runFolder: folder, images: selectRows(images, Int32Array.of(position)) };
        const { map: drawn } = await serveCall(map, one);
        drawn.forEach((value, at) => expect(value).toBeCloseTo(maps[position][at], 3));
      }
    }
    await forgetModels();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('stays finite on constant images', async () => {
    const folder = newFolder();
    const images = imagesFor(scorer, [flat(0), flat(255), flat(128), flat(128), flat(128)], folder);
    const { scores } = await run(fitArgs(id, images, folder, { params: { epochs: 1 } }));
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  it('reports wrong parameters and images', async () => {
    const folder = newFolder();
    const images = imagesFor(scorer, pictures(2), folder);
    const [name] = Object.keys(scorer.schema.shape);
    await expect(run(fitArgs(id, images, folder, { params: { [name]: -1 } }))).rejects.toThrow(BadParameters);
    await expect(run(fitArgs(id, images, folder, { train: new Int32Array(0) }))).rejects.toThrow(/no image/);
    const others = scorers.find((other) => other.inputs !== inputs)!;
    const params = { sizePx: 'patches features'.includes(inputs) ? 448 : sizePx };
    await expect(run(fitArgs(id, imagesFor(others, pictures(2), folder), folder, { params }))).rejects.toThrow(
      `takes ${inputs}, and these are ${others.inputs}`,
    );
  });
});

it('copies of a file have one score, and are taken as normal together', async () => {
  await startBackend();
  const scorer = scorerOf('auto')!;
  const some = pictures(10);
  const folder = newFolder();
  const images = imagesFor(scorer, [...some, ...some], folder);
  const { scores, taken } = await run(fitArgs('auto', images, folder, { areNormal: false, params: { normal: 0.45 } }));
  const parts = some.map((_, i) => [i, i + 10].filter((position) => taken!.includes(position)).length);
  expect(parts.toSorted()).toEqual([0, 0, 0, 0, 0, 2, 2, 2, 2, 2]);
  const again = await serveCall(score, { runFolder: folder, images });
  for (let i = 0; i < 10; i++) {
    expect(scores[i + 10]).toBeCloseTo(scores[i], 4);
    expect(again[i]).toBeCloseTo(scores[i], 4);
  }
  await forgetModels();
});

describe('auto: a method that sees the embeddings only, and no planted defect', () => {
  /**
   * 24 normal images, and 40 others; every second of these is of another kind, for the embeddings only. The planted defects are small spots, for the patches only. `copies`: the
   * normal images are there again, as other images.
   */
  async function rankWith(otherKind: boolean, copies = 0): Promise<{ result: FitResult; notes: string[] }> {
    await startBackend();
    const [folder, plantedFolder] = [newFolder(), newFolder()];
    const [patches, embeddings] = [scorerOf('patch-memory')!, scorerOf('gaussian')!];
    const seen = [...pictures(64), ...pictures(copies)];
    const kinds = seen.map((bytes, i) => (otherKind && i >= 24 && i < 64 && i % 2 ? picture(i, true) : bytes));
    const images = { ...imagesFor(patches, seen, folder), beside: imagesFor(embeddings, kinds, folder) };
    const spots = seen.slice(0, 24).map((bytes, i) => bytes.with((((i % 8) + 4) * sizePx + 10 + i) * 3 + 2, 255));
    const planted = {
      images: {
        ...imagesFor(patches, spots, plantedFolder),
        beside: imagesFor(embeddings, seen.slice(0, 24), plantedFolder),
      },
      of: range(0, 24),
    };
    const notes: string[] = [];
    const result = await run(
      fitArgs('auto', images, folder, { train: range(0, 24), planted }),
      (event) => void (event.stage === 'note' && notes.push(event.message)),
    );
    return { result, notes };
  }

  it('is left out if the other images are like the normal ones', async () => {
    const { notes } = await rankWith(false);
    expect(notes.join()).toMatch(/it leaves out .*Gaussian of embeddings \(0\.\d+\)/);
  });

  it('counts if it finds many of the other images unusual', async () => {
    const { result, notes } = await rankWith(true);
    expect(notes.join()).toMatch(
      /and those that find the most unusual images among the unselected ones: Gaussian of embeddings \(\d+ %\)/,
    );
    const [odd, normal] = [1, 0].map((rest) =>
      Array.from(result.scores.filter((_, position) => position >= 24 && position % 2 === rest)),
    );
    expect(auroc(odd, normal)).toBeGreaterThan(0.9);
    const again = await rankWith(true, 24);
    const shareOf = (texts: readonly string[]) =>
      /unselected ones: Gaussian of embeddings \((\d+) %\)/.exec(texts.join())?.[1];
    expect(shareOf(again.notes), 'copies of normal images are not counted').toBe(shareOf(notes));
  });
});

it('padim reads a model of an earlier version, with one share for each place', async () => {
  await startBackend();
  const folder = newFolder();
  const images = imagesFor(scorerOf('padim')!, pictures(8), folder);
  const { scores } = await run(fitArgs('padim', images, folder));
  const { header, arrays, ...others } = readTensors<object>(modelFile(folder))!;
  expect(arrays.shares).toHaveLength(1);
  const shares = new Float32Array(arrays.levels.length).fill(arrays.shares[0]);
  writeTensors(modelFile(folder), { ...others, header, arrays: { ...arrays, shares } });
  await forgetModels();
  const again = await serveCall(score, { runFolder: folder, images });
  again.forEach((value, i) => expect(value / scores[i]).toBeCloseTo(1, 3));
  await forgetModels();
});

it('the method nearest needs at least two images', async () => {
  const folder = newFolder();
  const images = imagesFor(scorerOf('nearest')!, pictures(1), folder);
  await expect(run(fitArgs('nearest', images, folder))).rejects.toThrow(/fewer than two/);
});

describe.each(scorers.filter(({ gives }) => gives.reconstruction).map(({ id }) => id))('%s', (id) => {
  beforeAll(async () => void (await startBackend()));

  it('pools the score from the map, and restores the saved model exactly', async () => {
    const folder = newFolder();
    const images = packed(pictures(12), folder);
    const { scores, heldOut } = await run(fitArgs(id, images, folder, { params: { ...quickly, validation: 0.25 } }));
    expect(heldOut.length).toBe(3);
    const drawn = await serveCall(map, { runFolder: folder, images: selectRows(images, Int32Array.of(2)) });
    expect(pool(drawn.map)).toBeCloseTo(scores[2], 3);
    const again = await serveCall(score, { runFolder: folder, images });
    expect([...again]).toEqual([...scores]);
    await forgetModels();
  });

  it('asks to rank again if the model is of a version that measured errors otherwise', async () => {
    const folder = newFolder();
    const images = packed(pictures(4), folder);
    await run(fitArgs(id, images, folder, { params: quickly }));
    const saved = readTensors<object>(modelFile(folder))!;
    const arrays = Object.fromEntries(Object.entries(saved.arrays).filter(([name]) => !/offset|divisor/.test(name)));
    writeTensors(modelFile(folder), { header: saved.header, arrays });
    await forgetModels();
    await expect(serveCall(score, { runFolder: folder, images })).rejects.toThrow(/earlier version.*Rank again/);
  });

  it('finds a defect that leaves less structure: a part that is missing', async () => {
    const folder = newFolder();
    const missing = picture(3);
    for (let y = 8; y < 24; y++) for (let x = 8; x < 24; x++) missing.set([40, 60 + x, 50 + y], (y * sizePx + x) * 3);
    const images = packed([...pictures(20), missing], folder);
    const { scores } = await run(fitArgs(id, images, folder, { train: range(0, 16), params: { epochs: 4 } }));
    expect(scores.indexOf(Math.max(...scores))).toBe(20);
  });

  it('takes a single image', async () => {
    const folder = newFolder();
    const { scores } = await run(fitArgs(id, packed(pictures(1), folder), folder, { params: quickly }));
    expect([scores.length, scores.every(Number.isFinite)]).toEqual([1, true]);
  });

  it('stays finite on constant images, with and without correction for complexity', async () => {
    const folder = newFolder();
    const images = packed([flat(0), flat(255), flat(128), flat(128), flat(128)], folder);
    for (const complexity of ['none', 'entropy']) {
      const { scores, report } = await run(fitArgs(id, images, folder, { params: { complexity, epochs: 1 } }));
      expect(scores.every(Number.isFinite)).toBe(true);
      expect(Object.values(report).every((value) => value === null || Number.isFinite(value))).toBe(true);
    }
  });

  it('reports wrong parameters', async () => {
    const folder = newFolder();
    const images = packed([picture(1)], folder);
    await expect(run(fitArgs(id, images, folder, { params: { validation: -1 } }))).rejects.toThrow(BadParameters);
    if (id === 'conv-ae')
      await expect(run(fitArgs(id, images, folder, { params: { depth: 6 } }))).rejects.toThrow(
        /‘Depth’ is refused: the image/,
      );
    await expect(run(fitArgs(id, images, folder, { params: { sizePx: 64 } }))).rejects.toThrow(/64|size/);
  });
});

it('feature-ae holds out a fifth of the images, keeps the best epoch, and resumes to the same scores', async () => {
  await startBackend();
  const params = { epochs: 5, width: 32, batch: 64 };
  const whole = newFolder();
  const images = imagesFor(scorerOf('feature-ae')!, [...pictures(20), outlier], whole);
  const args = { params, train: range(0, 20) };
  const uninterrupted = await run(fitArgs('feature-ae', images, whole, args));
  expect(uninterrupted.heldOut.length).toBe(4);
  const losses = uninterrupted.history.map(({ valLoss }) => valLoss!);
  expect(losses.length).toBe(5);
  expect(losses.at(-1)).toBeLessThan(losses[0]);
  expect(losses[uninterrupted.bestEpoch - 1]).toBe(Math.min(...losses));
  // An image that was held out is not trained on: another image in its place changes nothing else.
  const changed = pictures(20).with(uninterrupted.heldOut[0], picture(50));
  const other = await run(
    fitArgs('feature-ae', imagesFor(scorerOf('feature-ae')!, [...changed, outlier], newFolder()), newFolder(), args),
  );
  expect(other.history.map(({ loss }) => loss)).toEqual(uninterrupted.history.map(({ loss }) => loss));
  const cut = newFolder();
  const stop = new AbortController();
  const watch = (event: FitEvent): void => void (event.stage === 'train' && event.epoch === 3 && stop.abort());
  await expect(run(fitArgs('feature-ae', images, cut, args), watch, stop.signal)).rejects.toThrow(Cancelled);
  const resumed = await run(fitArgs('feature-ae', images, cut, { ...args, resume: true }));
  expect([2, 3]).toContain(resumed.resumedFrom);
  expect(resumed.scores).toEqual(uninterrupted.scores);
});

describe.each(['conv-ae', 'mlp-ae'])('%s', (id) => {
  it('resumes from its checkpoint to the same scores, bit for bit', async () => {
    await startBackend();
    const params = { shift: 0.06, flip: true, epochs: 8 };
    const whole = newFolder();
    const pixels = packed(pictures(20), whole);
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
    // A checkpoint with other settings is not used.
    const other = await run(fitArgs(id, pixels, cut, { params: { ...params, epochs: 2 }, resume: true }));
    expect(other.resumedFrom).toBeNull();
    fs.rmSync(cut, { recursive: true });
  });

  it('stops early and keeps the best weights', async () => {
    const folder = newFolder();
    const result = await run(
      fitArgs(id, packed(pictures(20), folder), folder, {
        params: { epochs: 60, minSteps: 1, patience: 1, validation: 0.3, learningRate: 0.05 },
      }),
    );
    expect(result.stopped).toBe('early');
    expect(result.epochsRun).toBeLessThan(60);
    const best = Math.min(...result.history.map((e) => e.valLoss!));
    expect(result.history[result.bestEpoch - 1].valLoss).toBe(best);
  });

  it('trains with a batch of one and without validation images', async () => {
    const folder = newFolder();
    const result = await run(
      fitArgs(id, packed(pictures(5), folder), folder, { params: { batch: 1, validation: 0, epochs: 2 } }),
    );
    expect(result.scores.every(Number.isFinite)).toBe(true);
    expect(result.history[0].valLoss).toBeNull();
  });
});
