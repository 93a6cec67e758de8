/** `runs` on the command line: the list, archiving, deleting with undo, and freeing disk space. */
import { expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { Run } from '../../src-main/contract/types.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { madeRun, putImages, putRun } from '../fixtures/many-runs.ts';

test('archived runs are listed with --all; after --purge, undo skips a deletion', async () => {
  const [folder, at] = [temporaryFolder('images'), temporaryFolder('workspace')];
  const workspace = new OpenWorkspace('0', folder, at, startCompute());
  putImages(workspace, 4);
  for (const n of [1, 2]) putRun(workspace, madeRun(n));
  await workspace.close();
  const runs = (...args: string[]) => winnow(['runs', folder, '--workspace', at, ...args]);
  const listed = async () => (await winnowJson<{ runs: Run[] }>(['runs', folder, '--workspace', at])).runs;

  expect(await runs('--archive', 'cnn-1')).toMatchObject({ code: 0, err: expect.stringContaining('archive cnn-1') });
  expect(await listed()).toEqual([{ ...madeRun(2), rule: null }]);
  expect((await runs('--all')).out).toMatch(
    /^cnn-2 .* 1400 images {2}seed 2 {2}accuracy 0\.900\ncnn-1 .* {2}archived\n$/,
  );
  expect((await runs('--delete', 'cnn-2')).code).toBe(0);
  expect(await runs('--delete', 'cnn-2')).toMatchObject({ code: 1, err: expect.stringContaining('was deleted') });
  expect(await runs('--purge')).toMatchObject({ code: 0, err: expect.stringContaining('1 run removed') });
  // Undo skips the deletion.
  expect((await winnow(['undo', folder, '--workspace', at])).err).toContain('archive cnn-1');
  expect(await listed()).toEqual([{ ...madeRun(1), rule: null }]);
});
