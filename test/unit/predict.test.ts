/** Predictions of images that a folder gets after its classifier was trained. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import type { WorkspaceEvent } from '../../src-main/contract/types.ts';
import { bytesIn, runFolder } from '../../src-main/workspace/runs.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { ended, openWorkspace } from '../fixtures/workspace.ts';

test('the size of a run counts the predictions that it gets later', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 12; i++) files[`${i % 2 ? 'good' : 'other'}/${i}.png`] = await blob(i);
  const folder = folderOf(files);
  const workspace = openWorkspace(folder);
  const parameters = { sizePx: 32, cropPx: 32, width: 4, depth: 1, dense: 8, epochs: 1, minSteps: 1 };
  const request = trainSchema.parse({ model: 'cnn', parameters });
  expect(await ended(workspace, workspace.calls.classifier.train(request))).toMatchObject({ state: 'done' });
  const size = () => workspace.runs.summary('cnn-1').bytes;
  const before = size();

  writeFileSync(join(folder, 'later.png'), await blob(99));
  const events: WorkspaceEvent[] = [];
  const job = workspace.calls.classifier.predict({ runId: 'cnn-1' });
  const { state } = await ended(workspace, job, (event) => events.push(event));
  expect(state).toBe('done');
  expect(size()).toBeGreaterThan(before as number);
  expect(size()).toBe(bytesIn(runFolder(workspace.workspaceFolder, 'cnn-1')));
  expect(events).toContainEqual({ type: 'run', run: workspace.runs.summary('cnn-1') });
});
