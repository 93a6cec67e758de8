import { expect, test } from 'vitest';
import { jobEnded, type Job } from '../../src-main/contract/types.ts';
import { Jobs } from '../../src-main/jobs/queue.ts';
import { forEachParallel } from '../../src-main/file/parallel.ts';

function followed() {
  const told: Job[] = [];
  const waiting = new Map<number, (job: Job) => void>();
  const jobs = new Jobs((job) => {
    told.push(job);
    if (jobEnded(job.state)) waiting.get(job.id)?.(job);
  });
  /** Resolves when the job ends; must be called before that. */
  const end = ({ id }: Job) => new Promise<Job>((resolve) => waiting.set(id, resolve));
  const queue = () =>
    jobs
      .list()
      .filter(({ state }) => state === 'queued')
      .sort((a, b) => a.place! - b.place!)
      .map(({ title, place }) => `${place} ${title}`);
  return { jobs, told, end, queue };
}

/** Work that lasts until it is cancelled. */
const lasting = ({ signal }: { signal: AbortSignal }) =>
  new Promise<string>((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)));

test('a job reports its stages and counts, and ends with a message', async () => {
  const { jobs, told, end } = followed();
  const started = jobs.start('scan', 'Scan', async (report) => {
    report.stage('Reading', 3);
    for (let i = 1; i <= 3; i++) report.progress(i);
    report.stage('Training', 0, 'steps');
    return 'all read';
  });
  expect(started).toMatchObject({ state: 'running', stage: 'Starting' });
  expect(await end(started)).toMatchObject({ state: 'done', summary: 'all read', error: null });
  expect(
    told.some(({ stage, done, total, unit }) => stage === 'Reading' && done === 3 && total === 3 && unit === 'images'),
  ).toBe(true);
  expect(told.at(-1)).toMatchObject({ stage: 'Training', unit: 'steps' });
});

test('the last progress before a long wait is told, and none after the end', async () => {
  let seen = () => {};
  const wasSeen = new Promise<void>((resolve) => (seen = resolve));
  const told: Job[] = [];
  const jobs = new Jobs((job) => {
    told.push(job);
    if (job.done === 1) seen();
  });
  const { id } = jobs.start('scan', 'Scan', async (report) => {
    report.stage('Reading', 9);
    report.progress(1); // within the shortest time between two messages
    return lasting(report);
  });
  await wasSeen;
  jobs.cancel(id);
  await expect.poll(() => told.at(-1)?.state).toBe('cancelled');
});

test('one job runs; the others wait in the order of their requests and start automatically', async () => {
  const { jobs, told, end, queue } = followed();
  const began: string[] = [];
  const work = (title: string) => async () => (began.push(title), title);
  const first = jobs.start('rank', 'Rank', lasting);
  const second = jobs.start('train', 'Train', work('Train'));
  const third = jobs.start('export', 'Export', work('Export'));
  expect(second).toMatchObject({ state: 'queued', stage: 'Queued', place: 1 });
  expect(queue()).toEqual(['1 Train', '2 Export']);
  const ends = [first, second, third].map(end);
  jobs.cancel(first.id);
  expect((await Promise.all(ends)).map(({ state, place }) => [state, place])).toEqual([
    ['cancelled', null],
    ['done', null],
    ['done', null],
  ]);
  expect(began).toEqual(['Train', 'Export']);
  expect(told.filter(({ id, state }) => id === third.id && state === 'queued').map(({ place }) => place)).toEqual([
    2, 1,
  ]);
  const running = new Set<number>();
  for (const { id, state } of told) {
    if (state === 'running') running.add(id);
    else running.delete(id);
    expect(running.size).toBeLessThanOrEqual(1);
  }
});

test('the queue is reordered', async () => {
  const { jobs, queue } = followed();
  const ids = ['Rank', 'a', 'b', 'c'].map((title) => jobs.start('rank', title, lasting).id);
  jobs.move(ids[3], 'next');
  expect(queue()).toEqual(['1 c', '2 a', '3 b']);
  jobs.move(ids[3], 'later');
  expect(queue()).toEqual(['1 a', '2 c', '3 b']);
  jobs.move(ids[2], 'later'); // the last job stays last
  jobs.move(ids[0], 'later'); // the running job continues
  jobs.move(99, 'next');
  expect(queue()).toEqual(['1 a', '2 c', '3 b']);
  await jobs.close();
  expect(jobs.list().map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'cancelled', 'cancelled']);
});

test('a waiting job is cancelled at once and never starts', async () => {
  const { jobs, end, queue } = followed();
  const first = jobs.start('rank', 'Rank', lasting);
  const waits = jobs.start('train', 'Train', async () => {
    throw new Error('it must not begin');
  });
  const last = jobs.start('scan', 'Scan', async () => 'scanned');
  jobs.cancel(waits.id);
  expect(jobs.list().find(({ id }) => id === waits.id)).toMatchObject({
    state: 'cancelled',
    error: { code: 'cancelled' },
    summary: null,
  });
  expect(queue()).toEqual(['1 Scan']);
  expect(jobs.queued('scan')?.id).toBe(last.id);
  const ended = end(last);
  jobs.cancel(first.id);
  expect(await ended).toMatchObject({ state: 'done', summary: 'scanned' });
  expect(jobs.queued('scan')).toBeNull();
});

test('only the latest ended jobs are kept', async () => {
  const { jobs, end } = followed();
  let last = 0;
  for (let i = 0; i < 120; i++) {
    const job = jobs.start('scan', 'Scan', async () => 'done');
    last = job.id;
    await end(job);
  }
  expect(jobs.list().length).toBe(50);
  expect(jobs.list().at(-1)!.id).toBe(last);
});

test('a failed job has an error code and a message', async () => {
  const { jobs, end } = followed();
  const started = jobs.start('export', 'Export', async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  });
  expect(await end(started)).toMatchObject({
    state: 'failed',
    error: { code: 'disk-full', message: 'The disk is full. Free some space and try again.' },
  });
});

test('parallel work runs every item, never exceeds its limit, and stops at the first error', async () => {
  let atOnce = 0;
  let most = 0;
  const seen: number[] = [];
  await forEachParallel(
    Array.from({ length: 20 }, (_, i) => i),
    3,
    new AbortController().signal,
    async (i) => {
      most = Math.max(most, ++atOnce);
      await new Promise(setImmediate);
      atOnce--;
      seen.push(i);
    },
  );
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(most).toBe(3);
  const after: number[] = [];
  await expect(
    forEachParallel([1, 2, 3, 4, 5, 6], 2, new AbortController().signal, async (i) => {
      if (i === 2) throw new Error('two');
      await new Promise(setImmediate);
      after.push(i);
    }),
  ).rejects.toThrow('two');
  expect(after).not.toContain(6);
});
