/** The engine of searches in one process: other jobs first, pause and resume, stopping a trial, failures, the limit for disk, several trials at once, runs from trials. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { searchSchema } from '../../src-main/contract/search-schemas.ts';
import type { Trial } from '../../src-main/contract/search.ts';
import type { WorkspaceEvent } from '../../src-main/contract/types.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { newTrial } from '../../src-main/jobs/search/new-trial.ts';
import { pointIn } from '../../src-main/jobs/search/observed.ts';
import { repeatSeed, verdictOf } from '../../src-main/jobs/search/repeats.ts';
import { runFolder } from '../../src-main/workspace/runs.ts';
import { blobFolder } from '../fixtures/images.ts';
import { ended, openWorkspace, scanned } from '../fixtures/workspace.ts';

let folder: string;
beforeAll(async () => void (folder = await blobFolder()));

const fixed = { sizePx: 32, width: 4, depth: 2, dense: 8, policy: 'none', epochs: 2 };
const request = (change: Record<string, unknown> = {}, parameters: Record<string, unknown> = {}) =>
  searchSchema.parse({
    subject: { kind: 'train', model: 'cnn', parameters: { ...fixed, ...parameters } },
    space: { learningRate: { type: 'float', low: 0.0002, high: 0.02, log: true } },
    strategy: 'random',
    stopper: 'none',
    repeats: { best: 0 },
    budget: { trials: 3 },
    ...change,
  });
const trialsOf = (workspace: OpenWorkspace, id = 'search-1'): Trial[] => workspace.calls.search.trials({ id });
/** Calls `act` at the first event that is as wanted. */
const once = (isWanted: (event: WorkspaceEvent) => boolean, act: () => void) => {
  let isDone = false;
  return (event: WorkspaceEvent): void => {
    if (isDone || !isWanted(event)) return;
    isDone = true;
    act();
  };
};
const inEpoch = (number: number, epoch: number) => (event: WorkspaceEvent) =>
  event.type === 'trial' && event.trial.number === number && (event.trial.epochs ?? 0) >= epoch;

const inEpochOf = (number: number) => (event: WorkspaceEvent) =>
  event.type === 'trial' && event.trial.number === number && event.trial.allEpochs !== null;

test('another job goes first: the trial waits at its checkpoint, and continues with the same result', async () => {
  const alone = await scanned(openWorkspace(folder));
  await ended(alone, alone.calls.search.start(request({}, { epochs: 8 })));
  const workspace = await scanned(openWorkspace(folder));
  let scan = 0;
  const states: string[] = [];
  const job = workspace.calls.search.start(request({}, { epochs: 8 }));
  const end = await ended(workspace, job, (event) => {
    once(inEpoch(2, 3), () => void (scan ||= workspace.calls.workspace.scan().id))(event);
    if (event.type === 'job' && event.job.id === job.id && states.at(-1) !== event.job.state)
      states.push(event.job.state);
  });
  expect(end.state).toBe('done');
  expect(states).toEqual(['running', 'queued', 'running', 'done']);
  expect(workspace.jobs.list().find(({ id }) => id === scan)?.state).toBe('done');
  expect(trialsOf(workspace).map(({ value, curve }) => [value, curve])).toEqual(
    trialsOf(alone).map(({ value, curve }) => [value, curve]),
  );
});

test('a paused search resumes; the budget is changed while it runs; its history is kept', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  const first = await ended(
    workspace,
    calls.search.start(request({}, { epochs: 6 })),
    once(inEpoch(2, 2), () => calls.search.pause({ id: 'search-1' })),
  );
  expect(first.state).toBe('cancelled');
  expect(trialsOf(workspace).map(({ state }) => state)).toEqual(['done', 'interrupted']);
  const budget = { trials: 4, minutes: null, untilNoMore: false };
  const second = await ended(
    workspace,
    await calls.search.resume({ id: 'search-1', change: {} }),
    once(inEpoch(3, 1), () => void calls.search.change({ id: 'search-1', change: { budget } })),
  );
  expect(second.summary).toMatch(/^search-1: best validation accuracy /);
  expect(trialsOf(workspace).map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
  const { search } = workspace.runs.get('search-1');
  expect(search!.changes.map(({ afterTrial, title }) => [afterTrial, title])).toEqual([
    [3, 'budget: 3 trials → 4 trials'],
  ]);
  expect(search!.ended).toBe('All 4 trials are done.');
});

test('a running trial is stopped by the person and keeps its best value; one that cannot be trained says why', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  const space = { depth: { type: 'int', low: 2, high: 8 } };
  await ended(
    workspace,
    calls.search.start(
      request({ space, strategy: 'grid', settings: { points: 7 }, budget: { trials: 7 } }, { epochs: 5 }),
    ),
    once(inEpoch(1, 2), () => calls.search.stopTrial({ id: 'search-1', number: 1 })),
  );
  const trials = trialsOf(workspace);
  expect(trials[0]).toMatchObject({ state: 'stopped', reason: 'Stopped by you.' });
  expect(trials[0].value).not.toBeNull();
  const failed = trials.filter(({ state }) => state === 'failed');
  expect(failed.length).toBeGreaterThan(0);
  for (const { parameters, reason, value } of failed) {
    expect(parameters.depth).toBeGreaterThan(5); // 32 px cannot be halved that often
    expect(value).toBeNull();
    expect(reason).toMatch(/cannot be halved/);
  }
  expect(() => calls.search.stopTrial({ id: 'search-1', number: 1 })).toThrow(/does not run/);
});

test('a stopped trial without a value is no failure; other data than at the start are refused', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  const slow = request({ objective: 'balanced-accuracy', budget: { trials: 2 } }, { epochs: 40 });
  await ended(
    workspace,
    calls.search.start(slow),
    once(inEpochOf(1), () => calls.search.stopTrial({ id: 'search-1', number: 1 })),
  );
  expect(trialsOf(workspace)[0]).toMatchObject({ state: 'stopped', value: null });
  expect(trialsOf(workspace)[0].reason).toMatch(/^Stopped by you\. It ended before this objective was known/);
  const [{ id }] = workspace.table.samples();
  workspace.calls.journal.edit({ choice: { ids: [id] }, change: { decision: 'reject' } });
  const kept = await ended(workspace, calls.search.keep({ id: 'search-1', number: 1 }));
  expect(kept.error?.message).toMatch(/have changed since the search started/);
  const budget = { trials: 3, minutes: null, untilNoMore: false };
  const resumed = await ended(workspace, await calls.search.resume({ id: 'search-1', change: { budget } }));
  expect(resumed.error?.message).toMatch(/have changed since the search started/);
});

test('if nothing can be trained the search ends with the reason; mended bounds let it continue', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const space = { depth: { type: 'int', low: 6, high: 8 } };
  const end = await ended(workspace, workspace.calls.search.start(request({ space, budget: { trials: 20 } })));
  expect(end.error?.message).toMatch(
    /^The first 5 trials failed, so the search was ended\. The first one: .*cannot be halved/,
  );
  const change = {
    space: { depth: { type: 'int' as const, low: 1, high: 3 } },
    budget: { trials: 7, minutes: null, untilNoMore: false },
  };
  await ended(workspace, await workspace.calls.search.resume({ id: 'search-1', change }));
  expect(trialsOf(workspace).map(({ state }) => state)).toEqual([
    ...new Array<string>(5).fill('failed'),
    'done',
    'done',
  ]);
});

test('checkpoints stay within the limit: those of the best trials', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  const large = { pooling: 'flatten', dense: 24, epochs: 1 };
  const limit = 2 ** 20;
  await ended(workspace, calls.search.start(request({ budget: { trials: 8 }, diskMiB: 1 }, large)), (event) => {
    if (event.type === 'trial') expect(bytesOf(workspace, 'search-1')).toBeLessThanOrEqual(limit);
  });
  const trials = trialsOf(workspace);
  const kept = trials.filter(({ bytes }) => bytes > 0);
  expect(kept.length).toBeGreaterThan(1);
  expect(kept.length).toBeLessThan(8);
  const leastKept = Math.min(...kept.map(({ value }) => value as number));
  for (const { value, bytes } of trials) if (!bytes) expect(value).toBeLessThanOrEqual(leastKept);
  const root = runFolder(workspace.workspaceFolder, 'search-1');
  expect(readdirSync(root).sort()).toEqual(kept.map(({ number }) => `trial-${number}`).sort());
  for (const { number } of kept) expect(readdirSync(join(root, `trial-${number}`))).toEqual(['checkpoint.bin']);
});

const bytesOf = (workspace: OpenWorkspace, id: string): number => {
  workspace.runs.measure(id);
  return workspace.runs.summary(id).bytes ?? 0;
};

test('two trials run at once, each in a process of its own, with the values that they have one after the other', async () => {
  const workspace = await scanned(openWorkspace(folder));
  let most = 0;
  await ended(
    workspace,
    workspace.calls.search.start(request({ parallel: 2, budget: { trials: 4 } }, { epochs: 4 })),
    (event) => {
      if (event.type === 'trial')
        most = Math.max(most, trialsOf(workspace).filter(({ state }) => state === 'running').length);
    },
  );
  expect(most).toBe(2);
  await ended(
    workspace,
    workspace.calls.search.start(request({ budget: { trials: 4 }, warmStart: false }, { epochs: 4 })),
  );
  const valuesOf = (id: string) => trialsOf(workspace, id).map(({ parameters, value }) => [parameters, value]);
  expect(valuesOf('search-1')).toEqual(valuesOf('search-2'));
});

test('a trial becomes a run, once; it is trained longer; a later search starts from what is known', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  await ended(workspace, calls.search.start(request()));
  const { bestRun, best } = workspace.runs.get('search-1').search!;
  expect(bestRun).toBe('cnn-1');
  const other = best === 1 ? 2 : 1;
  await ended(workspace, calls.search.keep({ id: 'search-1', number: other }));
  await ended(workspace, calls.search.keep({ id: 'search-1', number: other }));
  expect(workspace.runs.list().map(({ id }) => id)).toEqual(['cnn-2', 'cnn-1', 'search-1']);
  const kept = workspace.runs.get('cnn-2');
  expect(kept.notes[0]).toMatch(new RegExp(`^Trial ${other} of search-1: learningRate=`));
  expect(kept.classification?.evaluation?.accuracy.value).not.toBeNull();
  await ended(workspace, calls.search.trainLonger({ id: 'search-1', number: other, factor: 3 }));
  expect(workspace.runs.get('cnn-3')).toMatchObject({ parameters: { epochs: 6 }, state: 'done' });
  await ended(workspace, calls.search.start(request({ strategy: 'bayesian', budget: { trials: 1 }, seed: 1 })));
  const { warm } = workspace.runs.get('search-2').search!;
  // Runs that were made of trials are the same trainings; the longer run is another one.
  expect(warm.map(({ from }) => from)).toEqual(['search-1/1', 'search-1/2', 'search-1/3']);
});

test('deleting a search removes its trials and files when it is purged', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { calls } = workspace;
  await ended(workspace, calls.search.start(request({ budget: { trials: 1 } })));
  calls.runs.delete({ ids: ['search-1'] });
  expect(() => trialsOf(workspace)).toThrow(/was deleted/);
  calls.journal.undo();
  expect(trialsOf(workspace)).toHaveLength(1);
  calls.runs.delete({ ids: ['search-1'] });
  calls.runs.purge();
  expect(workspace.trials.list('search-1')).toEqual([]);
  expect(existsSync(runFolder(workspace.workspaceFolder, 'search-1'))).toBe(false);
});

test('the default space follows the usual order, within the bounds of the schema; notes say what a checkpoint takes', async () => {
  const workspace = await scanned(openWorkspace(folder));
  const { space, order, objectives, notes } = await workspace.calls.search.propose(request().subject);
  expect(order.map(({ group }) => group).filter((group, i, all) => group !== all[i - 1])).toEqual([
    'Architecture',
    'Learning rate',
    'Batch size',
    'Regularisation',
    'Optimizer',
    'Other',
  ]);
  expect(Object.keys(space).slice(0, 5)).toEqual(['depth', 'width', 'batchNorm', 'learningRate', 'batch']);
  expect(space.depth).toMatchObject({ high: 4 });
  const deep = { ...request({}, { depth: 5 }).subject };
  // 32 px can be halved five times.
  expect((await workspace.calls.search.propose(deep)).space.depth).toMatchObject({ low: 3, high: 5 });
  expect(objectives.map(({ id }) => id)).toEqual(['accuracy', 'balanced-accuracy', 'loss']);
  expect(notes.join(' ')).toMatch(/its checkpoint takes about/);
});

test('values of parameters that a trial does not use do not matter', () => {
  const space = {
    optimizer: { type: 'categorical' as const, choices: ['adamw', 'sgd'] },
    momentum: { type: 'categorical' as const, choices: [0.8, 0.95], when: { optimizer: ['sgd'] } },
  };
  const own = { optimizer: 'adamw', momentum: 0.9, batch: 32 };
  expect(pointIn(space, own, {}, { isWithin: true })).toEqual({ optimizer: 'adamw' });
  expect(pointIn(space, own, { optimizer: 'sgd' })).toBeNull(); // 0.9 is not in the space
  expect(pointIn(space, own, { optimizer: 'sgd', momentum: 0.8 })).toEqual({ optimizer: 'sgd', momentum: 0.8 });
  expect(pointIn(space, own, { batch: 16 })).toBeNull();
});

describe('the verdict of the repeats', () => {
  const objective = { id: 'accuracy', title: '', summary: '', direction: 'maximise' as const };
  const repeats = { seed: 1, repeats: { best: 1, times: 3, over: 'seeds' as const } };
  const main = (number: number, value: number, origin: string) =>
    ({ ...newTrial('search-1', number, { parameters: {}, seed: 1, origin }), state: 'done', value }) as Trial;
  const again = (of: number, values: number[]) =>
    values.map(
      (value, i) =>
        ({
          ...newTrial('search-1', 10 * of + i, {
            parameters: {},
            origin: 'repeat',
            repeats: of,
            ...repeatSeed(repeats, i),
          }),
          state: 'done',
          value,
        }) as Trial,
    );
  const judge = (best: number[], defaults: number[]) =>
    verdictOf(
      [main(1, 0.5, 'defaults'), main(2, 0.9, 'random'), ...again(1, defaults), ...again(2, best)],
      repeats,
      objective,
    )!;

  test('a clear gain, with its interval by Student’s t', () => {
    const { gain, isNoise, message } = judge([0.9, 0.88, 0.92], [0.6, 0.62, 0.58]);
    // Differences .30, .26, .34: mean .30, deviation .04, half width 4.303 · .04 / √3.
    expect(gain!.value).toBeCloseTo(0.3, 10);
    expect(gain!.low).toBeCloseTo(0.3 - (4.303 * 0.04) / Math.sqrt(3), 6);
    expect(isNoise).toBe(false);
    expect(message).toMatch(/better than the defaults by \+0\.300/);
  });
  test('no better than noise', () =>
    expect(judge([0.7, 0.6, 0.65], [0.6, 0.66, 0.63])).toMatchObject({
      isNoise: true,
      message: expect.stringMatching(/^No better than noise: over 3 seeds/),
    }));
  test('cannot be judged if the seeds change nothing', () =>
    expect(judge([0.7, 0.7, 0.7], [0.6, 0.6, 0.6])).toMatchObject({
      gain: null,
      message: expect.stringMatching(/cannot be judged: the seeds change nothing/),
    }));
  test('cannot be judged without the defaults', () =>
    expect(verdictOf([main(2, 0.9, 'random'), ...again(2, [0.7, 0.8, 0.75])], repeats, objective)!.message).toMatch(
      /cannot be judged: they lie outside of the space/,
    ));
});
