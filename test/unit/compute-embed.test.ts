/** From a run's model to codes, and from codes to positions on a map: similar images are close together, results are reproducible, and nothing leaks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { startCompute } from '../../src-main/compute/child.ts';
import { embed, type EmbedArgs, type EmbedEvent } from '../../src-main/compute/embed/codes.ts';
import { chooseLandmarks, rowsOf } from '../../src-main/compute/embed/landmarks.ts';
import { layout, type LayoutArgs, type LayoutEvent, type LayoutResult } from '../../src-main/compute/embed/layout.ts';
import { nearest } from '../../src-main/compute/embed/neighbours.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { fitArgs, newFolder, packed, picture } from './compute-pictures.ts';
import { computePids } from '../fixtures/processes.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const never = new AbortController().signal;
const yieldToEventLoop = async (): Promise<void> => undefined;
const layoutFor = (
  args: LayoutArgs,
  onEvent: (event: LayoutEvent) => void = () => undefined,
  signal = never,
): Promise<LayoutResult> => serveCall(layout, args, { signal, onEvent });
const embedOf = (
  runFolder: string,
  images: EmbedArgs['images'],
  onEvent: (event: EmbedEvent) => void = () => undefined,
) => serveCall(embed, { runFolder, images }, { onEvent });

/** Leave-one-out: the fraction of rows whose group is predicted by the vote of their `k` nearest neighbours. */
async function agreement(rows: Float32Array, size: number, groups: readonly number[], k: number): Promise<number> {
  const { indices, k: found } = await nearest(rows, rows, size, k + 1, yieldToEventLoop);
  const right = groups.filter((group, i) => {
    const others = Array.from(indices.subarray(i * found, (i + 1) * found))
      .filter((j) => j !== i)
      .slice(0, k);
    return others.filter((j) => groups[j] === group).length * 2 > others.length;
  });
  return right.length / groups.length;
}

/** Balls of unit spread, `apart` from each other; row i is of group i mod `groups`. */
function balls(
  count: number,
  size: number,
  groups: number,
  apart: number,
  seed = 1,
): { codes: Float32Array; groups: number[] } {
  const codes = fillNormal(new Float32Array(count * size), random('balls', seed));
  const centres = fillNormal(new Float32Array(groups * size), random('centres', groups), apart / Math.sqrt(2 * size));
  for (let i = 0; i < count; i++)
    for (let d = 0; d < size; d++) codes[i * size + d] += centres[(i % groups) * size + d];
  return { codes, groups: Array.from({ length: count }, (_, i) => i % groups) };
}

const distinctPlaces = (xy: Float32Array): number =>
  new Set(Array.from({ length: xy.length / 2 }, (_, i) => `${xy[i * 2]} ${xy[i * 2 + 1]}`)).size;
const onTheMap = (xy: Float32Array): boolean => xy.every((v) => v >= -1 && v <= 1);

beforeAll(async () => void (await startBackend()));

describe.each(scorers.filter(({ gives }) => gives.code).map(({ id }) => id))('the codes of %s', (id) => {
  const kinds = Array.from({ length: 40 }, (_, i) => i % 2);
  const pictures = kinds.map((odd, i) => picture(i, odd === 1));

  it('separate two kinds of pictures, as does their map', async () => {
    const runFolder = newFolder();
    const pixels = packed(pictures, runFolder);
    await serveCall(fit, fitArgs(id, pixels, runFolder));
    const tensors = tf.memory().numTensors;
    const events: EmbedEvent[] = [];
    const { codes, size } = await embedOf(runFolder, pixels, (event) => events.push(event));
    expect(size).toBe({ pca: 4, 'mlp-ae': 8, 'conv-ae': 16 }[id]); // components, bottleneck, channels of the last block
    expect(codes.length).toBe(40 * size);
    expect(codes.every(Number.isFinite)).toBe(true);
    expect(events.at(-1)).toEqual({ done: 40, total: 40 });
    expect(await agreement(codes, size, kinds, 5)).toBeGreaterThanOrEqual(0.95);
    const map = await layoutFor({ codes, size, seed: 1 });
    expect(await agreement(map.xy, 2, kinds, 5)).toBeGreaterThanOrEqual(0.95);
    await forgetModels();
    expect(tf.memory().numTensors).toBe(tensors);

    // The code of an image does not depend on the other images.
    const some = await embedOf(runFolder, { ...pixels, rows: Int32Array.of(7, 3) });
    for (const [at, row] of [7, 3].entries()) {
      for (let d = 0; d < size; d++) expect(some.codes[at * size + d]).toBeCloseTo(codes[row * size + d], 4);
    }
  });

  it('are refused with an error message without a model, or with pixels of another size', async () => {
    const runFolder = newFolder();
    const pixels = packed(pictures.slice(0, 4), runFolder);
    await expect(embedOf(runFolder, pixels)).rejects.toThrow(/no model/);
    await serveCall(fit, fitArgs(id, pixels, runFolder, { params: id === 'pca' ? {} : { epochs: 1 } }));
    await forgetModels();
    const tensors = tf.memory().numTensors;
    await expect(embedOf(runFolder, packed([picture(1, false, 64)], runFolder, 64))).rejects.toThrow(/32 px.*64/);
    const stop = AbortSignal.abort();
    await expect(serveCall(embed, { runFolder, images: pixels }, { signal: stop })).rejects.toThrow(Cancelled);
    await forgetModels();
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

it('networks whose code is a feature map, and PCA without components, give codes', async () => {
  const runFolder = newFolder();
  const pixels = packed(
    Array.from({ length: 6 }, (_, i) => picture(i)),
    runFolder,
  );
  await serveCall(fit, fitArgs('conv-ae', pixels, runFolder, { params: { epochs: 1 } }));
  expect((await embedOf(runFolder, pixels)).size).toBe(16); // channels of the second block
  await serveCall(fit, fitArgs('pca', pixels, runFolder, { params: { components: 0 } }));
  const { codes, size } = await embedOf(runFolder, pixels);
  expect([size, ...codes]).toEqual([1, 0, 0, 0, 0, 0, 0]);
  expect(onTheMap((await layoutFor({ codes, size, seed: 1 })).xy)).toBe(true);
});

it('nearest neighbours equal those of a plain search', async () => {
  const [size, k] = [7, 6];
  const rows = fillNormal(new Float32Array(50 * size), random('rows'));
  // Far from the origin and close together: the worst case for float32 products.
  const among = fillNormal(new Float32Array(300 * size), random('among')).map((v) => v + 20);
  rows.forEach((v, i) => (rows[i] = v + 20));
  const found = await nearest(rows, among, size, k, yieldToEventLoop);
  for (let i = 0; i < 50; i++) {
    const distances = Array.from({ length: 300 }, (_, j) =>
      Math.hypot(...Array.from({ length: size }, (_, d) => rows[i * size + d] - among[j * size + d])),
    );
    const expected = distances
      .map((distance, j) => ({ distance, j }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, k);
    expect([...found.indices.subarray(i * k, (i + 1) * k)]).toEqual(expected.map(({ j }) => j));
    expected.forEach(({ distance }, j) => expect(found.distances[i * k + j]).toBeCloseTo(distance, 4));
  }
  expect((await nearest(rows, among.subarray(0, 2 * size), size, k, yieldToEventLoop)).k).toBe(2);
});

describe('the map', () => {
  it('is the same for the same seed, and keeps groups apart whatever the seed and the units', async () => {
    const { codes, groups } = balls(300, 8, 3, 12);
    const events: LayoutEvent[] = [];
    const first = await layoutFor({ codes, size: 8, seed: 1 }, (event) => events.push(event));
    expect((await layoutFor({ codes, size: 8, seed: 1 })).xy).toEqual(first.xy);
    expect(first.landmarks.length).toBe(300);
    expect(events[0]).toMatchObject({ stage: 'lay-out', done: 1 });
    expect(events.at(-1)!.done).toBe(events.at(-1)!.total);
    expect(onTheMap(first.xy)).toBe(true);
    expect(Math.max(...first.xy)).toBeCloseTo(1, 5);
    expect(Math.min(...first.xy)).toBeCloseTo(-1, 5);
    const other = await layoutFor({ codes, size: 8, seed: 2 });
    expect(other.xy).not.toEqual(first.xy);
    // One large number in other units must not dominate.
    const skewed = await layoutFor({ codes: codes.map((v, i) => (i % 8 === 5 ? 1000 * v : v)), size: 8, seed: 1 });
    for (const { xy } of [first, other, skewed]) expect(await agreement(xy, 2, groups, 5)).toBeGreaterThanOrEqual(0.95);
  });

  it('places new images near similar ones, independently of each other, and moves no known image', async () => {
    const { codes, groups } = balls(200, 8, 2, 12);
    const { xy } = await layoutFor({ codes, size: 8, seed: 1 });
    const before = xy.slice();
    const fresh = balls(40, 8, 2, 12, 2);
    const added = await layoutFor({ codes: fresh.codes, size: 8, seed: 1, placed: { codes, xy } });
    expect(xy).toEqual(before);
    expect(added.landmarks.length).toBe(0);
    expect(onTheMap(added.xy)).toBe(true);
    const { indices } = await nearest(added.xy, xy, 2, 1, yieldToEventLoop);
    expect(fresh.groups.filter((group, i) => groups[indices[i]] === group).length).toBe(40);
    // The third new image alone gets the same position.
    const alone = await layoutFor({ codes: fresh.codes.subarray(16, 24), size: 8, seed: 1, placed: { codes, xy } });
    expect(alone.xy).toEqual(added.xy.slice(4, 6));
  });

  it('puts copies next to each other, not on the same spot', async () => {
    const { codes } = balls(60, 4, 2, 8);
    const { xy } = await layoutFor({ codes, size: 4, seed: 1 });
    const copies = rowsOf(codes, 4, [5, 5, 5]);
    const added = await layoutFor({ codes: copies, size: 4, seed: 1, placed: { codes, xy } });
    expect(distinctPlaces(Float32Array.of(...xy, ...added.xy))).toBe(63);
    for (let i = 0; i < 3; i++)
      expect(Math.hypot(added.xy[i * 2] - xy[10], added.xy[i * 2 + 1] - xy[11])).toBeLessThan(0.01);
    const together = await layoutFor({ codes: Float32Array.of(...codes, ...copies), size: 4, seed: 1 });
    expect(distinctPlaces(together.xy)).toBe(63);
    expect(together.landmarks.length).toBe(60);
  });

  it.each([0, 1, 2, 3, 5, 9, 10, 11, 12, 16])('takes %i images', async (count) => {
    const { codes } = balls(count, 6, 2, 10);
    const { xy } = await layoutFor({ codes, size: 6, seed: 1 });
    expect(xy.length).toBe(count * 2);
    expect(onTheMap(xy)).toBe(true);
    expect(distinctPlaces(xy)).toBe(count);
    if (count === 5)
      expect(
        await nearest(xy, xy, 2, 2, yieldToEventLoop).then(({ indices }) =>
          [...indices.filter((_, i) => i % 2)].every((near, i) => near % 2 === i % 2),
        ),
      ).toBe(true);
  });

  it('separates a few images that differ only outside the first two components', async () => {
    // Two directions with large variance and one with small: on the plane of the first two, the last two images coincide.
    const codes = Float32Array.of(4, 0, 0, -4, 0, 0, 0, 4, 0, 0, -4, 0, 0, 0, 1e-6, 0, 0, -1e-6);
    const { xy } = await layoutFor({ codes, size: 3, seed: 1 });
    expect(distinctPlaces(xy)).toBe(6);
    expect(onTheMap(xy)).toBe(true);
  });

  it('takes identical images, and refuses codes that are not numbers', async () => {
    const { xy } = await layoutFor({ codes: new Float32Array(40 * 3).fill(2), size: 3, seed: 1 });
    expect(onTheMap(xy)).toBe(true);
    expect(distinctPlaces(xy)).toBe(40);
    await expect(layoutFor({ codes: Float32Array.of(1, NaN), size: 1, seed: 1 })).rejects.toThrow(/finite/);
  });

  it('projects a sample of many images, and a small outlier group stays separate', async () => {
    const [count, size, odd, mostLandmarks] = [6000, 4, 30, 800];
    const { codes } = balls(count, size, 5, 10);
    for (let i = 0; i < odd; i++)
      for (let d = 0; d < size; d++) codes[i * 200 * size + d] = codes[i * 200 * size + d] * 0.2 + 25;
    const isOdd = (i: number): number => Number(i % 200 === 0);
    const chosen = await chooseLandmarks(codes, size, mostLandmarks, 1, yieldToEventLoop);
    expect([...chosen].filter(isOdd).length).toBe(odd);
    expect(new Set(chosen).size).toBe(mostLandmarks);
    const tensors = tf.memory().numTensors;
    const stages = new Set<string>();
    const { xy, landmarks } = await layoutFor({ codes, size, seed: 1, mostLandmarks }, ({ stage }) =>
      stages.add(stage),
    );
    expect(tf.memory().numTensors).toBe(tensors);
    expect([...stages]).toEqual(['lay-out', 'place']);
    expect(landmarks.length).toBe(mostLandmarks);
    expect(onTheMap(xy)).toBe(true);
    const { indices } = await nearest(xy, xy, 2, 6, yieldToEventLoop);
    const alike = (i: number): number =>
      Array.from(indices.subarray(i * 6, (i + 1) * 6)).filter((j) => isOdd(j) === isOdd(i)).length;
    for (let i = 0; i < odd; i++) expect(alike(i * 200)).toBeGreaterThanOrEqual(5);
  });
});

describe('in the compute process', () => {
  const compute = startCompute({ patienceMs: { alone: 100_000, shared: 100_000 } }); // a cancel has to be answered: nothing is ended for it
  afterAll(() => compute.stop());

  it('encodes and projects with progress, with the same result', async () => {
    const runFolder = newFolder();
    const pixels = packed(
      Array.from({ length: 24 }, (_, i) => picture(i, i % 3 === 0)),
      runFolder,
    );
    await compute.call('fit', fitArgs('pca', pixels, runFolder));
    const encoded: EmbedEvent[] = [];
    const { codes, size } = await compute.call(
      'embed',
      { runFolder, images: pixels },
      { onEvent: (event) => encoded.push(event) },
    );
    expect(encoded.at(-1)).toEqual({ done: 24, total: 24 });
    const steps: LayoutEvent[] = [];
    const map = await compute.call('layout', { codes, size, seed: 3 }, { onEvent: (event) => steps.push(event) });
    expect(map).toEqual(await layoutFor({ codes, size, seed: 3 }));
    expect(steps.at(-1)!.done).toBe(steps.at(-1)!.total);
  });

  it('answers a cancel wherever it is, without being ended', async () => {
    const { codes } = balls(4000, 16, 5, 10);
    for (const when of ['at once', 'in the middle']) {
      const stop = new AbortController();
      let began = (): void => undefined;
      const moving = new Promise<void>((resolve) => (began = resolve));
      const outcome = compute
        .call(
          'layout',
          { codes, size: 16, seed: 1 },
          { signal: stop.signal, onEvent: ({ done }) => done > 5 && began() },
        )
        .catch((error: unknown) => error);
      if (when === 'in the middle') await moving;
      const processes = computePids();
      stop.abort();
      expect(await outcome).toMatchObject({ code: 'cancelled' });
      await compute.call('backend', undefined);
      expect(computePids()).toEqual(processes);
    }
  });
});
