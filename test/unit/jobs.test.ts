import { expect, test } from 'vitest';
import type { Job } from '../../src-main/contract/types.ts';
import { Jobs } from '../../src-main/workspace/jobs.ts';
import { forEachParallel } from '../../src-main/workspace/parallel.ts';

function followed() {
  const told: Job[] = [];
  let ended: (job: Job) => void;
  const end = new Promise<Job>((resume) => (ended = resume));
  const jobs = new Jobs((job) => {
    told.push(job);
    if (job.state !== 'running') ended(job);
  });
  return { jobs, told, end };
}

test('a job tells its stages and counts, and ends with a sentence', async () => {
  const { jobs, told, end } = followed();
  const started = jobs.start('scan', 'Scan', async (report) => {
    report.stage('Reading', 3);
    for (let i = 1; i <= 3; i++) report.progress(i);
    report.stage('Training', 0, 'steps');
    return 'all read';
  });
  expect(started).toMatchObject({ state: 'running', stage: 'Starting' });
  expect(await end).toMatchObject({ state: 'done', summary: 'all read', error: null });
  expect(told.some(({ stage, done, total, unit }) => stage === 'Reading' && done === 3 && total === 3 && unit === 'images')).toBe(true);
  expect(told.at(-1)).toMatchObject({ stage: 'Training', unit: 'steps' });
});

test('one at a time; the second is refused in words', async () => {
  const { jobs, end } = followed();
  const first = jobs.start('rank', 'Rank', ({ signal }) => new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason))));
  expect(() => jobs.start('scan', 'Scan', async () => '')).toThrow('Rank is still running');
  jobs.cancel(first.id);
  expect(await end).toMatchObject({ state: 'cancelled', summary: null });
  expect(() => jobs.start('scan', 'Scan', async () => '')).not.toThrow();
  await jobs.close();
});

test('what fails is told by code and sentence', async () => {
  const { jobs, end } = followed();
  jobs.start('export', 'Export', async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  });
  expect(await end).toMatchObject({ state: 'failed', error: { code: 'disk-full', message: 'The disk is full. Free some space and try again.' } });
});

test('many hands: all done, never more at once than asked for, and the first error ends it', async () => {
  let atOnce = 0;
  let most = 0;
  const seen: number[] = [];
  await forEachParallel(Array.from({ length: 20 }, (_, i) => i), 3, new AbortController().signal, async (i) => {
    most = Math.max(most, ++atOnce);
    await new Promise(setImmediate);
    atOnce--;
    seen.push(i);
  });
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(most).toBe(3);
  const after: number[] = [];
  await expect(forEachParallel([1, 2, 3, 4, 5, 6], 2, new AbortController().signal, async (i) => {
    if (i === 2) throw new Error('two');
    await new Promise(setImmediate);
    after.push(i);
  })).rejects.toThrow('two');
  expect(after).not.toContain(6);
});
