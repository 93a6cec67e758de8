/** The engine's side of the compute process: calls, cancel, a killed process, and resume. */
import { afterAll, describe, expect, it } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { FitEvent } from '../../src-main/compute/anomaly/fit.ts';
import { computePids } from '../fixtures/processes.ts';
import { fitArgs, newFolder, packed, picture, sizePx } from './compute-pictures.ts';

const compute = startCompute({ patienceMs: { alone: 100_000, shared: 100_000 } }); // long enough that an unanswered cancel fails the test
afterAll(() => compute.stop());

const folder = newFolder();
const pixels = packed(
  Array.from({ length: 20 }, (_, i) => picture(i)),
  folder,
);
const long = { epochs: 10000, minSteps: 50 };

describe('the compute process', () => {
  it('reports its backend', async () =>
    expect(['tensorflow', 'webgpu', 'plain']).toContain((await compute.call('backend', undefined)).backend));

  it('fits with progress, then renders maps', async () => {
    const events: FitEvent[] = [];
    const runFolder = newFolder();
    const result = await compute.call('fit', fitArgs('conv-ae', pixels, runFolder), {
      onEvent: (event) => events.push(event),
    });
    expect(result.scores).toBeInstanceOf(Float64Array);
    expect(result.scores.length).toBe(20);
    const epochs = events.filter((e) => e.stage === 'train');
    expect(epochs.at(-1)).toMatchObject({ epoch: 20, epochs: 20 });
    expect(epochs.at(-1)!.imagesPerSecond).toBeGreaterThan(0);
    expect(events.at(-1)).toEqual({ stage: 'score', done: 20, total: 20 });
    const drawn = await compute.call('map', { runFolder, images: { ...pixels, rows: Int32Array.of(4) } });
    expect(drawn.map.length).toBe(sizePx ** 2);
  });

  it('renders maps while it trains, and responds to a cancel', async () => {
    const runFolder = newFolder();
    await compute.call('fit', fitArgs('pca', pixels, runFolder));
    const stop = new AbortController();
    let began = (): void => undefined;
    const training = new Promise<void>((resolve) => (began = resolve));
    const fit = compute.call('fit', fitArgs('conv-ae', pixels, newFolder(), { params: long }), {
      signal: stop.signal,
      onEvent: () => began(),
    });
    const outcome = fit.catch((error: unknown) => error);
    await training;
    expect((await compute.call('map', { runFolder, images: { ...pixels, rows: Int32Array.of(0) } })).rows).toBe(sizePx);
    const waiting = new AbortController();
    const second = compute
      .call('fit', fitArgs('pca', pixels, newFolder()), { signal: waiting.signal })
      .catch((error: unknown) => error);
    waiting.abort();
    expect(await second).toMatchObject({ code: 'cancelled' });
    const processes = computePids();
    stop.abort();
    expect(await outcome).toMatchObject({ code: 'cancelled' });
    await compute.call('backend', undefined);
    expect(computePids()).toEqual(processes);
  });

  it('starts once, even if the first call is cancelled while it starts', async () => {
    const own = startCompute({ patienceMs: { alone: 20, shared: 100_000 } });
    const others = computePids();
    const first = new AbortController();
    const cancelled = own.call('backend', undefined, { signal: first.signal }).catch((error: unknown) => error);
    const started = computePids().filter((pid) => !others.includes(pid));
    expect(started).toHaveLength(1);
    first.abort();
    expect(await cancelled).toMatchObject({ code: 'cancelled' });
    await own.call('backend', undefined);
    expect(computePids().filter((pid) => !others.includes(pid))).toEqual(started);
    await own.stop();
  });

  it('reports errors', async () => {
    await expect(
      compute.call('fit', fitArgs('conv-ae', pixels, newFolder(), { params: { epochs: 0 } })),
    ).rejects.toMatchObject({ code: 'bad-parameters' });
    await expect(compute.call('fit', fitArgs('nothing', pixels, newFolder()))).rejects.toMatchObject({
      code: 'bad-parameters',
    });
    await expect(compute.call('map', { runFolder: newFolder(), images: pixels })).rejects.toMatchObject({
      code: 'failed',
    });
  });

  it('resumes after its process was killed, with the same scores', async () => {
    const params = { epochs: 10 };
    const uninterrupted = await compute.call('fit', fitArgs('conv-ae', pixels, newFolder(), { params }));
    const runFolder = newFolder();
    const killed = new Promise<unknown>((resolve) => {
      const onEvent = (event: FitEvent): void => void (event.stage === 'train' && event.epoch >= 3 && compute.stop());
      compute.call('fit', fitArgs('conv-ae', pixels, runFolder, { params: { ...params } }), { onEvent }).catch(resolve);
    });
    expect(await killed).toMatchObject({ code: 'cancelled' });
    const resumed = await compute.call('fit', fitArgs('conv-ae', pixels, runFolder, { params, resume: true }));
    expect(resumed.resumedFrom).toBeGreaterThanOrEqual(2);
    expect(resumed.scores).toEqual(uninterrupted.scores);
  });
});
