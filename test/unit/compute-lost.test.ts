/** A compute process that exits, hangs or fails: what happens to its calls, and the error messages. */
import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { startCompute, type Compute } from '../../src-main/compute/child.ts';
import type { FitEvent } from '../../src-main/compute/anomaly/fit.ts';
import { computePids } from '../fixtures/processes.ts';
import { fitArgs, newFolder, packed, picture } from './compute-pictures.ts';

const pixels = packed(
  Array.from({ length: 20 }, (_, i) => picture(i)),
  newFolder(),
);
const open: Compute[] = [];
const compute = (options: Parameters<typeof startCompute>[0] = {}): Compute => (
  open.push(startCompute(options)),
  open.at(-1)!
);
afterEach(async () => {
  for (const one of open.splice(0)) await one.stop();
});

const code = (error: unknown) => (error as { code?: string }).code;
/** An `onEvent`, and a promise of the first event of which `is` holds. */
function until(is: (event: FitEvent) => boolean) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const events: FitEvent[] = [];
  return { events, reached: promise, onEvent: (event: FitEvent) => (events.push(event), is(event) && resolve()) };
}
const atEpoch = (epoch: number) => until((event) => event.stage === 'train' && event.epoch >= epoch);

test('when the system kills the process, the call fails with a message that names memory, and the same training resumes', async () => {
  const own = compute();
  const runFolder = newFolder();
  const { onEvent, reached } = atEpoch(4);
  const params = { epochs: 300 };
  const lost = own
    .call('fit', fitArgs('conv-ae', pixels, runFolder, { params }), { onEvent })
    .catch((error: unknown) => error);
  const other = own.call('fit', fitArgs('conv-ae', pixels, newFolder())).catch((error: unknown) => error); // waits its turn
  await reached;
  process.kill(computePids().at(-1)!, 'SIGKILL');
  for (const error of [await lost, await other]) {
    expect(error).toMatchObject({
      code: 'lost',
      message: expect.stringMatching(
        /^The compute process was killed \(SIGKILL\)\. The system does this when memory runs out\. .*resumes from its last epoch/,
      ),
    });
  }
  const stop = new AbortController();
  const again = until((event) => event.stage === 'train');
  const resumed = own
    .call('fit', fitArgs('conv-ae', pixels, runFolder, { params, resume: true }), {
      signal: stop.signal,
      onEvent: again.onEvent,
    })
    .catch(code);
  await again.reached;
  expect(again.events.at(-1)).toMatchObject({ stage: 'train', epoch: expect.toSatisfy((epoch: number) => epoch >= 4) });
  stop.abort();
  expect(await resumed).toBe('cancelled');
});

test('an unanswered cancel restarts the process; the other training resumes automatically from its last epoch to the same scores, with a note', async () => {
  const own = compute({ patienceMs: { alone: 200, shared: 400 } });
  const params = { epochs: 12 };
  await own.call('backend', undefined);
  const before = computePids().at(-1)!;
  const stop = new AbortController();
  const { onEvent, reached, events } = until((event) => {
    const isReached = event.stage === 'train' && event.epoch >= 4;
    if (isReached && !stop.signal.aborted) process.kill(before, 'SIGSTOP'); // like one long native call
    return isReached;
  });
  const training = own.call('fit', fitArgs('conv-ae', pixels, newFolder(), { params }), { onEvent });
  const waits = own.call('fit', fitArgs('pca', pixels, newFolder()), { onEvent: () => undefined });
  const cancelled = own
    .call('fit', fitArgs('conv-ae', pixels, newFolder()), { signal: stop.signal, onEvent: () => undefined })
    .catch(code);
  await reached;
  stop.abort();
  expect(await cancelled).toBe('cancelled');
  const result = await training;
  expect(computePids()).not.toContain(before);
  expect(result.resumedFrom).toBeGreaterThanOrEqual(3);
  expect(result.history.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(events.flatMap((event) => (event.stage === 'note' ? [event.message] : []))).toEqual([
    'The compute process was restarted because another task did not stop. This training resumed from its last epoch.',
  ]);
  expect((await waits).scores.length).toBe(20);
  const uninterrupted = await own.call('fit', fitArgs('conv-ae', pixels, newFolder(), { params }));
  expect(result.scores).toEqual(uninterrupted.scores);
});

test('an error in an event handler ends only that call', async () => {
  const own = compute();
  const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
  const failing = own
    .call('fit', fitArgs('conv-ae', pixels, newFolder(), { params: { epochs: 5000 } }), {
      onEvent: () => {
        throw full;
      },
    })
    .catch((error: unknown) => error);
  const next = own.call('fit', fitArgs('pca', pixels, newFolder()));
  expect(await failing).toBe(full);
  expect((await next).scores.length).toBe(20); // its turn came, since the other call was dropped
});

test('an error outside any call is reported with its message, and a lack of memory as such', async () => {
  for (const [thrown, expected] of [
    [
      'a bolt came loose',
      /^The compute process ended unexpectedly \(exit code 1\)\. Last output: a bolt came loose\. Try again\./,
    ],
    ['Array buffer allocation failed', /ran out of memory and ended \(exit code 1\)/],
  ] as const) {
    const script = `process.on('message', ({ call }) => { if (call === 'map') throw new Error('${thrown}') })`;
    const own = compute({
      env: () => ({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }),
    });
    await own.call('backend', undefined);
    const runFolder = newFolder();
    await own.call('fit', fitArgs('pca', pixels, runFolder));
    await expect(own.call('map', { runFolder, images: pixels })).rejects.toMatchObject({
      code: 'lost',
      message: expect.stringMatching(expected),
    });
    expect((await own.call('backend', undefined)).backend).toBeTruthy(); // a new process was started
  }
});

test('an unknown or invalid call gets an error response', async () => {
  const child = fork(resolve(import.meta.dirname, '..', '..', 'src-main', 'compute.ts'), {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  try {
    const answer = (request: object) => new Promise((resolve) => (child.once('message', resolve), child.send(request)));
    expect(await answer({ id: 1, call: 'dance', args: {} })).toMatchObject({
      id: 1,
      error: { code: 'bad-parameters' },
    });
    expect(await answer({ id: 2, call: 'fit', args: undefined })).toMatchObject({ id: 2, error: { code: 'failed' } });
    expect(
      await answer({ id: 3, call: 'train', args: { model: 'cnn', params: { sizePx: 'large' }, mode: 'scratch' } }),
    ).toMatchObject({ id: 3, error: { code: 'bad-parameters' } });
    expect(await answer({ id: 4, call: 'backend' })).toMatchObject({ id: 4, result: {} });
  } finally {
    child.kill('SIGKILL');
  }
});
