/** A journal with an entry of another version or of a second program: the history shows what is known, and no step is undone that contradicts the table. */
import { expect, test } from 'vitest';
import { rankSchema } from '../../src-main/contract/schemas.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

const open = async () =>
  scanned(
    openWorkspace(folderOf({ 'a/1.png': await blob(1), 'a/2.png': await blob(2), 'two\nlines.png': await blob(3) })),
  );
const decide = (workspace: OpenWorkspace, path: string, decision: 'keep' | 'reject') =>
  workspace.calls.journal.edit({ choice: { paths: [path] }, change: { decision } });

const old: [what: string, action: string | object, changes: string | object][] = [
  ['no JSON', '{"do":', '{"marks":[],"settings":[]}'],
  ['an action that this version does not know', { do: 'polish' }, { marks: [], settings: [] }],
  ['no action', '7', { marks: [], settings: [] }],
  [
    'a ranking by a method that is gone',
    { do: 'rank', request: { ...rankSchema.parse({ method: 'gone' }) }, run: 'gone-1' },
    { marks: [], settings: [] },
  ],
  [
    'a ranking with a parameter that is none now',
    { do: 'rank', request: rankSchema.parse({ method: 'pca', parameters: { sizePx: 'large' } }), run: 'pca-1' },
    { marks: [], settings: [] },
  ],
  [
    'a training that does not validate',
    { do: 'train', request: { model: 7 }, run: 'x-1' },
    { marks: [], settings: [] },
  ],
  ['an export without a target', { do: 'export', request: {} }, { marks: [], settings: [] }],
  ['a ranking without a request', { do: 'rank' }, { marks: [], settings: [] }],
  ['an edit without a change', { do: 'edit' }, { marks: [[1, {}, { note: 'x' }]], settings: [] }],
  ['changes of another form', { do: 'edit', change: { note: 'x' } }, [[1, null, 'x']]],
];

test('entries of another version are shown with their titles, and the script continues after them', async () => {
  const before = await open();
  decide(before, 'a/1.png', 'reject');
  const text = (value: string | object) => (typeof value === 'string' ? value : JSON.stringify(value));
  for (const [what, action, changes] of old) {
    const kind = /"(rank|train|export)"/.test(text(action)) ? 'done' : 'edit';
    before.db.run(
      'INSERT INTO journal (at, kind, target, title, action, changes) VALUES (1, ?, NULL, ?, ?, ?)',
      kind,
      `${what},\nin short`,
      text(action),
      text(changes),
    );
  }
  await before.close();
  const workspace = openWorkspace(before.folder, before.workspaceFolder);
  decide(workspace, 'a/2.png', 'keep');
  const entries = workspace.calls.journal.history({ limit: 100 }).reverse();
  expect(entries.map(({ title }) => title)).toEqual([
    'reject a/1.png',
    ...old.map(([what]) => `${what},\nin short`),
    'keep a/2.png',
  ]);
  for (const { title, command } of entries.slice(1, -1)) expect(command, title).toMatch(/^# cannot be repeated: \S/);
  const script = workspace.calls.journal.script();
  const places = [
    script.indexOf('--reject'),
    ...old.map(([what]) => script.search(`# ${what},\\\\nin short\\n# cannot be repeated: .+\\n`)),
    script.indexOf('--keep'),
  ];
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places[0]).toBeGreaterThan(0);
  expect(script).not.toContain('TypeError');
});

test('a step whose entry cannot be read is not undone, with an error message', async () => {
  const workspace = await open();
  decide(workspace, 'a/1.png', 'reject');
  workspace.db.run("UPDATE journal SET changes = 'x'");
  expect(() => workspace.calls.journal.undo()).toThrow('cannot read its entry in the journal');
  expect(workspace.table.samples()[0].decision).toBe('reject');
});

test('after another program changed marks, undo and redo do not overwrite them, and the script names the difference', async () => {
  const workspace = await open();
  decide(workspace, 'a/1.png', 'reject');
  decide(workspace, 'two\nlines.png', 'keep');
  expect(workspace.calls.journal.script()).not.toContain('other marks');
  // As a second program does that does not know these steps.
  workspace.db.run("UPDATE samples SET decision = 'unsure' WHERE path LIKE 'two%'");
  expect(() => workspace.calls.journal.undo()).toThrow(
    /‘keep two\nlines.png’ cannot be undone: two\nlines.png is not as after that step/,
  );
  expect(workspace.table.samples().map(({ decision }) => decision)).toEqual(['reject', null, 'unsure']);
  expect(workspace.calls.journal.script()).toMatch(/# The marks of these images differ .+\n# {3}"two\\nlines.png"\n$/);
  workspace.db.run("UPDATE samples SET decision = 'keep' WHERE path LIKE 'two%'");
  workspace.calls.journal.undo();
  workspace.calls.journal.undo();
  workspace.db.run("UPDATE samples SET decision = 'unsure' WHERE path = 'a/1.png'");
  expect(() => workspace.calls.journal.redo()).toThrow('a/1.png is not as before that step');
  expect(workspace.calls.journal.script()).toContain('#   a/1.png');
});

test('the same applies to settings', async () => {
  const workspace = await open();
  workspace.calls.checks.setThreshold({ check: 'blurry', threshold: 0.3 });
  workspace.db.run("UPDATE settings SET value = '0.9' WHERE key = 'threshold:blurry'");
  expect(() => workspace.calls.journal.undo()).toThrow('the setting threshold:blurry is not as after that step');
});

test('an undo reverts the step that it names, also after steps of two programs', async () => {
  const workspace = await open();
  decide(workspace, 'a/1.png', 'reject');
  const { seq } = workspace.calls.journal.history({ limit: 1 })[0];
  decide(workspace, 'a/2.png', 'keep');
  // The second program undid its own step, which was not the latest.
  workspace.db.run(
    "INSERT INTO journal (at, kind, target, title, action, changes) VALUES (1, 'undo', ?, 'reject a/1.png', 'null', '')",
    seq,
  );
  workspace.db.run("UPDATE samples SET decision = NULL, reason = NULL WHERE path = 'a/1.png'");
  const at = workspace.workspaceFolder;
  await workspace.close();
  const again = openWorkspace(workspace.folder, at);
  expect(again.calls.journal.history({ limit: 10 }).map(({ title, undone }) => [title, undone])).toEqual([
    ['keep a/2.png', false],
    ['reject a/1.png', true],
  ]);
  expect(again.calls.journal.script()).not.toContain('a/1.png');
  expect(again.calls.journal.undo().title).toBe('keep a/2.png');
  expect(again.calls.journal.redo().title).toBe('keep a/2.png');
});
