/** Marking a whole group as not duplicates: one small step, whatever the group's size, that can be undone and is one command in the script. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NotDuplicates, notDuplicatesSetting } from '../../src-main/workspace/not-duplicates.ts';
import { Database } from '../../src-main/workspace/database.ts';
import { Settings } from '../../src-main/workspace/settings.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

/** Samples by letters: equal letters are copies. */
const of = (letters: string) => [...letters].map((sha256, id) => ({ id, sha256 }));
function apart(sets: string[], pairs: string[] = []) {
  const db = new Database(join(temporaryFolder('workspace'), 'workspace.sqlite'));
  const settings = new Settings(db);
  for (const set of sets) settings.put(...notDuplicatesSetting(of(set)));
  for (const [a, b] of pairs) settings.put(`apart:${a} ${b}`, true);
  const read = new NotDuplicates(settings);
  db.close();
  return (letters: string) => read.splitGroup(of(letters)).map((part) => part.map(({ sha256 }) => sha256).join(''));
}

describe('groups are split', () => {
  test.each<[string, string[], string[], string, string[]]>([
    ['not at all', [], [], 'abcd', ['abcd']],
    ['all of it', ['abcd'], [], 'abcd', []],
    ['some of it', ['ab'], [], 'abcd', ['acd']],
    ['copies stay together', ['ab'], [], 'aabb', ['aa', 'bb']],
    ['copies apart from each other', ['aa'], [], 'aab', ['ab']],
    ['copies apart from each other and from another', ['aab'], [], 'aabc', ['ac']],
    ['two sets', ['ab', 'cd'], [], 'abcd', ['ac', 'bd']],
    ['sets that share one', ['ab', 'bc'], [], 'abc', ['ac']],
    ['pairs of an earlier version', [], ['ab', 'cc'], 'abcc', ['ac', 'bc']],
    ['sets and pairs', ['ab'], ['ac'], 'abcd', ['ad', 'bc']],
  ])('%s', (_, sets, pairs, letters, parts) => expect(apart(sets, pairs)(letters)).toEqual(parts));

  test('a large group without marks, or with all pairs marked', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => ({ sha256: `content ${i}` }));
    const db = new Database(join(temporaryFolder('workspace'), 'workspace.sqlite'));
    const settings = new Settings(db);
    expect(new NotDuplicates(settings).splitGroup(many).map(({ length }) => length)).toEqual([60_000]);
    settings.put(...notDuplicatesSetting(many));
    expect(new NotDuplicates(settings).splitGroup(many)).toEqual([]);
    expect(
      new NotDuplicates(settings).splitGroup([...many, { sha256: 'another' }]).map(({ length }) => length),
    ).toEqual([2]);
    db.close();
  });
});

test('the size of the step grows linearly with the group; it can be undone and redone, and is one command in the script', async () => {
  const twin = await blob(3);
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${String(i).padStart(2, '0')}.png`, twin]));
  const workspace = await scanned(openWorkspace(folderOf(files)));
  expect(workspace.groups.list()).toMatchObject([{ kind: 'exact', ids: { length: 60 } }]);
  const ids = workspace.groups.list()[0].ids;
  expect(workspace.calls.duplicates.markNotDuplicates({ ids: [...ids] }).changed).toBe(1);
  expect(workspace.calls.duplicates.markNotDuplicates({ ids: [...ids] }).changed).toBe(0); // already marked
  expect(workspace.groups.list()).toEqual([]);
  expect(workspace.db.get<{ n: number }>('SELECT max(length(changes)) AS n FROM journal')?.n).toBeLessThan(60 * 70);
  workspace.calls.journal.undo();
  expect(workspace.groups.list()).toHaveLength(1);
  workspace.calls.journal.redo();
  expect(workspace.groups.list()).toEqual([]);
  expect(
    workspace.calls.journal.script().match(/\$WINNOW duplicates "\$FOLDER" --apart --skip-missing --from -/g),
  ).toHaveLength(1);
});
