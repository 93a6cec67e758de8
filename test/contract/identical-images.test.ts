/** A classifier of classes that hold copies of one image: the run says why it learns nothing. */
import { expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

test('identical images do not get the advice to lower the learning rate', async () => {
  const same = await blob(1);
  const names = Array.from({ length: 6 }, (_, i) => [`cat/${i}.png`, `dog/${i}.png`]).flat();
  const folder = folderOf(Object.fromEntries(names.map((name) => [name, same])));
  const { run } = await winnowJson<{ run: { notes: string[] } }>(
    ['train', folder, '--model', 'mlp', '--mode', 'scratch', '--epochs', '2', '--size', '32'],
    { WINNOW_DATA: temporaryFolder('data') },
  );
  expect(run.notes).toContainEqual(expect.stringContaining('copies of one image'));
  expect(run.notes.join(' ')).not.toContain('learning rate');
});
