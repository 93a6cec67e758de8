/** Folders in which nobody marked the normal images, and how stable a ranking is. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { fit, type FitArgs, type FitEvent, type FitResult } from '../../src-main/compute/anomaly/fit.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { Patches } from '../../src-main/compute/anomaly/images.ts';
import { mutualScores } from '../../src-main/compute/anomaly/mutual.ts';
import { outlierFactors, trimPatches } from '../../src-main/compute/anomaly/trim.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { clamp, meanOf } from '../../src-main/contract/numbers.ts';
import { stabilityOf, unmeasuredText } from '../../src-main/contract/stability.ts';
import { lostNote } from '../../src-main/jobs/rank.ts';
import type { ActiveRun } from '../../src-main/jobs/run-runner.ts';
import { followTraining } from '../../src-main/jobs/training-progress.ts';
import { rowBytesOf, type RowSet } from '../../src-main/rows/row-set.ts';
import { fitArgs, imagesFor, newFolder, packed, picture } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const run = (args: FitArgs, onEvent: (event: FitEvent) => void = () => undefined, signal?: AbortSignal) =>
  serveCall(fit, args, { onEvent, ...(signal && { signal }) });

const normal = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => picture(i));
const cross = picture(99, true);

const withNoise = (bytes: Uint8Array, seed: number): Uint8Array => {
  const noise = fillNormal(new Float64Array(bytes.length), random('noise', seed));
  return bytes.map((value, at) => clamp(value + 8 * noise[at], 0, 255));
};

const unlabelled = (method: string, pictures: Uint8Array[], params = {}): Promise<FitResult> => {
  const folder = newFolder();
  return run(
    fitArgs(method, imagesFor(scorerOf(method)!, pictures, folder), folder, {
      areNormal: false,
      params: { patches: 400, ...params },
    }),
  );
};

async function checksumsOf(set: RowSet): Promise<number[]> {
  const bytes = await readFile(set.file);
  return Array.from(set.rows, (row) => crc32(bytes.subarray(row * rowBytesOf(set), (row + 1) * rowBytesOf(set))));
}

/** The positions of the highest scores. */
const first = (scores: Float64Array, count: number): number[] =>
  [...scores.keys()]
    .sort((a, b) => scores[b] - scores[a])
    .slice(0, count)
    .sort((a, b) => a - b);

beforeAll(async () => void (await startBackend()));

describe('without normal images', () => {
  it.each([2, 3])('%i copies of one defect do not hide each other', async (copies) => {
    const pictures = [...normal(24), ...Array<Uint8Array>(copies).fill(cross)];
    const { scores, taken } = await unlabelled('auto', pictures);
    const odd = [...range(24, 24 + copies)];
    expect(first(scores, copies)).toEqual(odd);
    expect(odd.some((position) => taken!.includes(position))).toBe(false);
  });

  it('a damaged row stops the comparison without a leak', async () => {
    const pictures = normal(20);
    const images = imagesFor(scorerOf('patch-memory')!, pictures, newFolder());
    const reader = new Patches({
      ...images,
      checksums: Uint32Array.from(await checksumsOf(images), (sum, i) => (i < 19 ? sum : sum ^ 1)),
    });
    const tensors = tf.memory().numTensors;
    const idle = { yieldToEventLoop: async () => undefined, onEvent: () => undefined };
    await expect(mutualScores(reader, range(0, 20), 1, idle)).rejects.toThrow('Row 19');
    expect(tf.memory().numTensors).toBe(tensors);
    reader.close();
  });

  it('patches that may be defects are left out of the memory bank, and each image says how many it lost', async () => {
    const pictures = [...normal(23), cross].map(withNoise);
    const all = await unlabelled('patch-memory', pictures, { patches: 200 });
    expect(all.lost).toBeUndefined();
    const { lost } = await unlabelled('patch-memory', pictures, { patches: 200, trimmed: 0.15 });
    expect(meanOf(lost!)).toBeCloseTo(0.15, 2);
    expect(first(lost!, 1)).toEqual([23]);
    const note = lostNote(lost!, range(0, 24), (position) => `${position}.png`);
    expect(note).toMatch(/^15 % of the patches .*: 23\.png \(\d+ %\), \d+\.png \(\d+ %\), \d+\.png/);
  });

  it('the local outlier factor is 1 in an even grid and large far from it; rows of one image do not support each other', async () => {
    const grid = Array.from({ length: 100 }, (_, i) => [i % 10, Math.floor(i / 10)]);
    const far = [
      [30, 30],
      [30.1, 30],
    ];
    const values = Float32Array.from([...grid, ...far].flat());
    const idle = async () => {};
    const owners = Int32Array.from({ length: 102 }, (_, i) => (i < 100 ? i % 20 : 20));
    const factors = await outlierFactors(values, 2, owners, idle);
    expect(factors[55]).toBeGreaterThan(0.8);
    expect(factors[55]).toBeLessThan(1.3);
    expect(Math.min(factors[100], factors[101])).toBeGreaterThan(5);
    const { kept, lost } = await trimPatches(values, 2, owners, 0.02, idle, () => undefined);
    expect([...kept]).toEqual([...range(0, 100)]);
    expect(lost.get(20)).toBe(1);
  });
});

describe('the stability of ranks', () => {
  const stabilityIn = async (pictures: Uint8Array[], params = {}): Promise<number | undefined> => {
    const folder = newFolder();
    const { report } = await run(
      fitArgs('nearest', imagesFor(scorerOf('nearest')!, pictures, folder), folder, { params }),
    );
    return (report as { stability?: number }).stability;
  };

  it('is lower where the order rests on noise, and is the same for the same seed', async () => {
    const noise = Array.from({ length: 24 }, (_, i) =>
      Uint8Array.from(fillNormal(new Float64Array(32 * 32 * 3), random('noise', i)), (v) => 128 + 40 * v),
    );
    const clear = Array.from({ length: 24 }, (_, i) => picture(1).map((value) => Math.min(255, value + i * i * 0.2)));
    const [onNoise, onClear] = [await stabilityIn(noise), await stabilityIn(clear)];
    expect(onClear).toBeGreaterThan(0.7);
    expect(onNoise).toBeLessThan(onClear! - 0.1);
    expect(await stabilityIn(noise)).toBe(onNoise);
  });

  it('is not measured with few training images, or if no fit is asked for', async () => {
    expect(await stabilityIn(normal(7))).toBeUndefined();
    expect(await stabilityIn(normal(20), { stability: 0 })).toBeUndefined();
  });

  it('is measured for any method on request, with progress', async () => {
    const folder = newFolder();
    const images = imagesFor(scorerOf('patch-memory')!, normal(12), folder);
    const events: FitEvent[] = [];
    const { report } = await run(
      fitArgs('patch-memory', images, folder, { params: { patches: 100, stability: 1 } }),
      (event) => events.push(event),
    );
    expect(report).toMatchObject({ stabilityFits: 1, stability: expect.any(Number), stabilityTop: 1 });
    expect(events.at(-1)).toEqual({ stage: 'again', done: 12, total: 12 });
  });

  it('a whole training again reports its progress and leaves no checkpoint', async () => {
    const folder = newFolder();
    const done: number[] = [];
    const args = fitArgs('conv-ae', packed(normal(12), folder), folder, { params: { epochs: 2, stability: 2 } });
    await run(args, (event) => void (event.stage === 'again' && done.push(event.done)));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(24);
    expect(done).toEqual(expect.arrayContaining([6, 12, 18])); // after an epoch, and after a fit
    expect(readdirSync(folder).filter((name) => name.includes('again'))).toEqual([]);
  });

  it('where it was not measured, the reason is told', () => {
    const how = 'Use --stability 2.';
    expect(unmeasuredText({ trained: 20, parameters: { stability: 0 } }, how)).toMatch(
      /not measured\. Use --stability 2\.$/,
    );
    const tooFew = /At least 8 different training images are needed\.$/;
    expect(unmeasuredText({ trained: 7, parameters: { stability: 0 } }, how)).toMatch(tooFew);
    expect(unmeasuredText({ trained: 9, parameters: { stability: 2 } }, how)).toMatch(tooFew); // nine with copies
  });

  it('is told in two sentences, and not told of a detector of another folder', () => {
    const report = { stability: 0.95, stabilityTop: 10, stabilityShared: 8.5 };
    const text = stabilityOf({ report, origin: null });
    expect(text?.label).toBe('Stable ranks (0.95)');
    expect(text?.explanation).toMatch(/keeps 8\.5 of the top 10 images at the top.* 0\.95\. More/);
    expect(stabilityOf({ report: { ...report, stability: 0.2 }, origin: null })?.label).toMatch(/^Unstable/);
    expect(stabilityOf({ report, origin: { folder: '/other', runId: 'auto-1' } })).toBeNull();
    expect(stabilityOf({ report: {}, origin: null })).toBeNull();
  });
});

it('the progress of a memory bank counts patches where it is of patches', async () => {
  const folder = newFolder();
  const images = imagesFor(scorerOf('patch-memory')!, normal(8), folder);
  const stages: unknown[] = [];
  const titles = { read: 'Read', trim: 'Trim', select: 'Select', calibrate: 'Calibrate', score: 'Score' };
  const report = {
    stage: (...stage: unknown[]) => void stages.push(stage),
    progress: () => undefined,
    run: () => undefined,
    signal: new AbortController().signal,
  };
  const params = { patches: 100, neighbourhood: 'single', trimmed: 0.1 };
  // A bank has no epochs, so nothing is written to the run.
  await run(fitArgs('patch-memory', images, folder, { params }), followTraining({} as ActiveRun, report, titles));
  expect(stages).toEqual([
    ['Read', 0, 'images'],
    ['Trim', 0, 'patches'],
    ['Select', 0, 'patches'],
    ['Calibrate', 0, 'images'],
    ['Score', 0, 'images'],
  ]);
});

it.each(['components', 'errors'] as const)(
  'conv-ae reports progress in the stage ‘%s’, and a cancel ends it',
  async (stage) => {
    const folder = newFolder();
    const stop = new AbortController();
    const seen: FitEvent[] = [];
    const watch = (event: FitEvent): void => {
      if (event.stage !== stage) return;
      seen.push(event);
      stop.abort();
    };
    const args = fitArgs('conv-ae', packed(normal(20), folder), folder, { params: { epochs: 1 } });
    await expect(run(args, watch, stop.signal)).rejects.toThrow(Cancelled);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ done: expect.any(Number), total: expect.any(Number) });
  },
);
