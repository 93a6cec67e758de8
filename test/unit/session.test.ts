/** What the page requests from the engine, and what it keeps: a session with a real engine, whose requests are counted. */
import { openPage, requests } from '../fixtures/page.ts';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { Column, Run, RunSummary } from '../../src-main/contract/types.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { ColumnCache } from '../../src-renderer/state/column-cache.svelte.ts';
import { RunRecords } from '../../src-renderer/state/run-records.svelte.ts';
import type { Session } from '../../src-renderer/state/session.svelte.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { madeRun, putRun } from '../fixtures/many-runs.ts';
import { watch } from '../fixtures/watch.svelte.ts';
import { scanned } from '../fixtures/workspace.ts';

const soon = (check: () => void) => vi.waitFor(check, 30_000);

describe('a folder with runs', () => {
  let session: Session;
  const listed = () => session.listedRuns.map(({ id }) => id);

  beforeAll(async () => {
    const [first, second] = await Promise.all([blob(1), blob(2)]);
    const folder = folderOf({ 'a/1.png': first, 'b/2.png': second });
    const at = temporaryFolder('workspace');
    const workspace = await scanned(new OpenWorkspace('0', folder, at, startCompute()));
    for (const n of [1, 2, 3]) putRun(workspace, madeRun(n));
    await workspace.close();
    session = await openPage(folder, at);
    return () => session.close();
  });

  test('lists are fetched with the folder; a record and values are fetched when they are read', async () => {
    expect(listed()).toEqual(['cnn-3', 'cnn-2', 'cnn-1']);
    expect(requests).toContain('runs.list');
    expect(requests).not.toContain('runs.get');
    expect(requests.filter((path) => path.includes('/columns/'))).toEqual([]);
    expect(session.record(session.runs[0])).toBeNull();
    await soon(() => expect(session.record(session.runs[0])?.history).toHaveLength(60));
    await soon(() => expect(session.values('cnn-3.loss').length).toBeGreaterThan(2));
    expect(requests.filter((name) => name === 'runs.get')).toHaveLength(1);
  });

  test('a decision fetches neither runs nor columns', async () => {
    await session.refresh();
    session.record(session.runs[0]);
    session.values('cnn-3.loss');
    const [{ id }] = session.samples;
    const { revision } = session.workspace!;
    requests.length = 0;
    await session.edit([id], { decision: 'keep' });
    await soon(() => expect(session.workspace!.revision).toBeGreaterThan(revision));
    await session.refresh();
    expect(session.sample(id)?.decision).toBe('keep');
    expect(new Set(requests)).toEqual(new Set(['journal.edit', 'samples.changes', 'workspace.describe']));
  });

  test('archived runs are listed only on request; a deleted run is not listed until undo', async () => {
    await session.do(() => session.calls.runs.archive.mutate({ ids: ['cnn-2'] }));
    await soon(() => expect(listed()).toEqual(['cnn-3', 'cnn-1']));
    expect(session.columns.some(({ name }) => name === 'cnn-2.loss')).toBe(true);
    expect(session.listedColumns.some(({ name }) => name === 'cnn-2.loss')).toBe(false);
    session.showsArchived = true;
    expect(listed()).toEqual(['cnn-3', 'cnn-2', 'cnn-1']);
    session.showsArchived = false;
    await session.do(() => session.calls.runs.delete.mutate({ ids: ['cnn-3'] }));
    await soon(() => expect(listed()).toEqual(['cnn-1']));
    expect(session.columns.some(({ runId }) => runId === 'cnn-3')).toBe(false);
    expect(session.journal.undo).toBe('delete cnn-3');
    await session.step('undo');
    await soon(() => expect(listed()).toEqual(['cnn-3', 'cnn-1']));
  });
});

describe('records of runs', () => {
  const summary = (id: string, version: number) => ({ id, version }) as RunSummary;

  test('are fetched again when the summary has changed, and only those in use', async () => {
    const fetched = vi.fn(async (id: string) => ({ id }) as Run);
    const records = new RunRecords(fetched, () => undefined);
    let run = summary('cnn-1', 1);
    const stop = watch(() => void records.of(run));
    await soon(() => expect(records.of(run)).toEqual({ id: 'cnn-1' }));
    expect(fetched).toHaveBeenCalledTimes(1);
    run = summary('cnn-1', 2);
    expect(records.of(run)).toEqual({ id: 'cnn-1' }); // the old record until the new one arrives
    await soon(() => expect(fetched).toHaveBeenCalledTimes(2));
    expect(records.of(run)).toEqual({ id: 'cnn-1' });
    expect(fetched).toHaveBeenCalledTimes(2);
    stop();
  });

  test('that cannot be fetched are reported once', async () => {
    const problems: unknown[] = [];
    const records = new RunRecords(
      () => Promise.reject(new Error('no')),
      (error) => problems.push(error),
    );
    const stop = watch(() => void records.of(summary('cnn-1', 1)));
    await soon(() => expect(problems).toHaveLength(1));
    expect(records.of(summary('cnn-1', 1))).toBeNull();
    expect(problems).toHaveLength(1);
    stop();
  });
});

test('above the limit, unused column values are dropped, and those in use stay', async () => {
  const columns = ['a', 'b', 'c', 'd'].map((name) => ({ name, revision: 1 }) as Column);
  const fetched: string[] = [];
  const cache = new ColumnCache(
    async ({ name }) => {
      fetched.push(name);
      return new Float64Array(10);
    },
    (error) => expect(error).toBeNull(),
    200,
  );
  await cache.update(columns);
  const stop = watch(() => void cache.values('a'));
  await soon(() => expect(cache.values('a')).toHaveLength(10));
  for (const name of ['b', 'c', 'd']) {
    cache.values(name);
    await soon(() => expect(cache.values(name)).toHaveLength(10));
  }
  expect(cache.values('a')).toHaveLength(10);
  await soon(() => expect(cache.values('b')).toHaveLength(10));
  expect(fetched).toEqual(['a', 'b', 'c', 'd', 'b']);
  await cache.update(columns.map((column) => ({ ...column, revision: 2 })));
  expect(fetched.slice(5)).toContain('a');
  stop();
});
