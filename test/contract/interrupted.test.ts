/** Trainings whose compute process is killed: the run reports it, and the same request resumes it. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { labelsSchema, rankSchema, trainSchema } from '../../src-main/contract/schemas.ts';
import type { Run, WorkspaceEvent } from '../../src-main/contract/types.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blobFolder } from '../fixtures/images.ts';
import { computePids } from '../fixtures/processes.ts';
import { ended, openWorkspace } from '../fixtures/workspace.ts';

/** Starts the compute process. Returns a listener that kills it once, as soon as `is` holds: at once, before the training ends. */
async function killer(
  workspace: OpenWorkspace,
  is: (event: WorkspaceEvent) => boolean,
): Promise<(event: WorkspaceEvent) => void> {
  await workspace.compute.call('backend', undefined);
  const pid = computePids().at(-1)!;
  let killed = false;
  return (event) => {
    if (killed || !is(event)) return;
    killed = true;
    process.kill(pid, 'SIGKILL');
  };
}

const ofRun =
  (workspace: OpenWorkspace, is: (run: Run) => boolean) =>
  (event: WorkspaceEvent): boolean =>
    event.type === 'run' && is(workspace.runs.get(event.run.id));

test('a ranking is interrupted, not failed, and resumes from its last epoch; so does one that failed with a checkpoint', async () => {
  const workspace = openWorkspace(await blobFolder());
  const request = rankSchema.parse({ method: 'conv-ae', parameters: { sizePx: 32, epochs: 20, patience: 0 } });
  const kill = await killer(
    workspace,
    ofRun(workspace, ({ history }) => history.length >= 3),
  );
  const first = await ended(workspace, workspace.calls.workspace.rank(request), kill);
  expect(first).toMatchObject({
    state: 'failed',
    error: { code: 'compute-lost', message: expect.stringContaining('memory') },
  });
  expect(workspace.runs.get('conv-ae-1')).toMatchObject({ state: 'interrupted' });
  expect(workspace.calls.samples.columns().filter(({ runId }) => runId !== null)).toEqual([]);
  // The state that an older version stored for a lost process.
  workspace.runs.put({ ...workspace.runs.get('conv-ae-1'), state: 'failed' });
  expect(await ended(workspace, workspace.calls.workspace.rank(request))).toMatchObject({
    state: 'done',
    runId: 'conv-ae-1',
  });
  const run = workspace.runs.get('conv-ae-1');
  expect(run).toMatchObject({
    state: 'done',
    report: { resumedFrom: expect.toSatisfy((epoch: number) => epoch >= 2 && epoch < 20) },
  });
  expect(run.history.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(run.history.every(({ seconds }) => seconds >= 0)).toBe(true);
});

test('folds that were finished before an interruption are not trained again', async () => {
  const workspace = openWorkspace(await blobFolder());
  const request = trainSchema.parse({
    model: 'cnn',
    parameters: { sizePx: 32, cropPx: 32, epochs: 6, minSteps: 2, patience: 0 },
    division: { folds: 3 },
  });
  const kill = await killer(
    workspace,
    ofRun(workspace, ({ classification, history }) => classification?.fold === 1 && history.length >= 3),
  );
  expect(await ended(workspace, workspace.calls.classifier.train(request), kill)).toMatchObject({
    state: 'failed',
    error: { code: 'compute-lost' },
  });
  expect(workspace.runs.get('cnn-1')).toMatchObject({ state: 'interrupted', classification: { fold: 1 } });
  const ofFirst = join(workspace.workspaceFolder, 'runs', 'cnn-1', 'fold-1', 'checkpoint.bin');
  const written = statSync(ofFirst).mtimeMs;
  const stages = new Set<string>();
  const checkpoints = new Set<number>();
  const again = await ended(workspace, workspace.calls.classifier.train(request), (event) => {
    if (event.type !== 'job' || event.job.state !== 'running') return;
    stages.add(event.job.stage);
    if (event.job.stage.startsWith('Fold')) checkpoints.add(statSync(ofFirst).mtimeMs);
  });
  expect(again).toMatchObject({ state: 'done', runId: 'cnn-1' });
  expect([...stages].filter((stage) => /^Fold \d of 3$/.test(stage))).toEqual(['Fold 2 of 3', 'Fold 3 of 3']);
  expect([...checkpoints]).toEqual([written]);
  expect(workspace.runs.get('cnn-1')).toMatchObject({
    state: 'done',
    notes: expect.not.arrayContaining([expect.stringContaining('checkpoint')]),
    classification: { fold: 3, evaluation: { on: 'folds' } },
  });
});

test('an interrupted search for label errors leaves no columns and can be repeated', async () => {
  const workspace = openWorkspace(await blobFolder());
  const request = labelsSchema.parse({ folds: 2, repeats: 1 });
  const kill = await killer(
    workspace,
    (event) => event.type === 'job' && event.job.stage === 'Embedding' && event.job.done > 0,
  );
  expect(await ended(workspace, workspace.calls.labels.find(request), kill)).toMatchObject({
    state: 'failed',
    error: { code: 'compute-lost' },
  });
  expect(workspace.runs.get('labels-1')).toMatchObject({ state: 'interrupted' });
  expect(workspace.calls.samples.columns().filter(({ runId }) => runId?.startsWith('labels'))).toEqual([]);
  expect(await ended(workspace, workspace.calls.labels.find(request))).toMatchObject({ state: 'done' });
  expect(workspace.calls.samples.columns().filter(({ runId }) => runId === 'labels-2')).toHaveLength(6);
});
