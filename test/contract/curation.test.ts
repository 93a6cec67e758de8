/** Curating a folder from the command line, and repeating all steps with the script: the same marks and byte-identical exports. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileCache, root, winnow, winnowJson } from '../fixtures/command.ts';
import type { RunSummary } from '../../src-main/contract/types.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

interface Marked {
  path: string;
  class: string | null;
  label: string | null;
  decision: string | null;
  reason: string | null;
  tags: string[];
  note: string | null;
}
interface MarksJson {
  changed: number;
  samples: Marked[];
  paths?: string[];
}
interface Shown {
  matching: number;
  samples: (Marked & {
    columns: Record<string, number>;
    checks: Record<string, { score: number; flagged: boolean }>;
  })[];
}
interface Group {
  id: number;
  kind: string;
  paths: string[];
  crossesClasses: boolean;
  crossesSplits: boolean;
}

const env = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
const odd = 'good/it\'s "odd" $HOME.png';
let folder: string;
const runJson = (args: string[], input?: string) =>
  winnowJson<MarksJson>([args[0], folder, ...args.slice(1)], env, input);
const pathsWhere = ({ samples }: { samples: Marked[] }, is: (sample: Marked) => boolean) =>
  samples.filter(is).map(({ path }) => path);

/** The environment in which a shell script starts the program. */
const shellEnv = (data: Record<string, string>) => ({
  ...process.env,
  ...compileCache,
  ...data,
  WINNOW: `${process.execPath} --disable-warning=ExperimentalWarning ${join(root, 'src-main', 'cli.ts')}`,
});

beforeAll(async () => {
  const files: Record<string, Buffer | string> = {};
  for (let i = 0; i < 10; i++) files[`${i % 2 ? 'good' : 'other'}/blob-${i}.png`] = await blob(i);
  files[odd] = await blob(99, true);
  files['good/-dash\nline.png'] = await blob(50);
  files['other/copy-1.png'] = files['good/blob-1.png']; // one image in two classes
  files['other/copy-2.png'] = files['other/blob-2.png'];
  files['bad.jpg'] = 'no image';
  folder = folderOf(files, 'curation');
});

test('scan reports checks, duplicates and unreadable files, each in one place', async () => {
  const { out, err, code } = await winnow(['scan', folder, '--json', '-'], env);
  expect(code, err).toBe(0);
  const json = JSON.parse(out) as Shown & { groups: Group[]; issues: { path: string }[]; findings: unknown[] };
  expect(json.issues.map(({ path }) => path)).toEqual(['bad.jpg']);
  expect(json.samples).toHaveLength(14);
  const [sample] = json.samples;
  expect(sample).toMatchObject({ class: 'good', decision: null, reason: null, label: null, tags: [], note: null });
  expect(Object.keys(sample.checks)).toEqual(expect.arrayContaining(['blurry', 'dark', 'tiny', 'wrong-extension']));
  for (const [id, { score, flagged }] of Object.entries(sample.checks)) {
    expect(score >= 0 && score <= 1 && typeof flagged === 'boolean', id).toBe(true);
    expect(sample.columns).not.toHaveProperty(id);
  }
  const exact = json.groups
    .filter(({ kind }) => kind === 'exact')
    .map(({ paths, crossesClasses, crossesSplits }) => ({ paths, crossesClasses, crossesSplits }));
  expect(exact).toEqual(
    expect.arrayContaining([
      { paths: ['good/blob-1.png', 'other/copy-1.png'], crossesClasses: true, crossesSplits: false },
      { paths: ['other/blob-2.png', 'other/copy-2.png'], crossesClasses: false, crossesSplits: false },
    ]),
  );
  expect(exact).toHaveLength(2);
  expect(err).toContain('2 exact');
  expect(err).toContain('bad.jpg');
});

describe('wrong usage is reported before any work', () => {
  test.each([
    [['decide', '.', 'a.png', '--keep', '--reject'], 'one of'],
    [['decide', '.', 'a.png', '--where', 'width > 1', '--keep'], 'one way'],
    [['decide', '.', '--where', 'widht > 1', '--keep'], 'widht'],
    [['tag', '.', '**', '--add', 'a,b'], 'comma'],
    [['show', '.', '--order', 'widht'], 'widht'],
    [['checks', '.', '--threshold', 'drak=0.5'], 'drak'],
    [['checks', '.', '--threshold', 'dark=2'], 'from 0 to 1'],
    [['export', '.', '--to', '/nowhere/x', '--split', 'all'], '0.8,0.1,0.1'],
    [['duplicates', '.', '--keep-best', 'largest', '--protect', 'nowhere'], 'nowhere'],
  ] as [string[], string][])('%j', async ([command, , ...more], sentence) => {
    const ended = await winnow([command, folder, ...more], env);
    expect(ended.err).toContain(sentence);
    expect(ended.code).toBe(2);
    expect(ended.out).toBe('');
    expect(ended.err).not.toMatch(/\bat .*:\d+:\d+/);
  });
});

test('the script repeats every step on a copy of the folder', async () => {
  await winnowJson(['rank', folder, '--method', 'pca', '--size', '32', '--train-on', 'other/**', '--seed', '3'], env);
  expect(
    pathsWhere(
      await runJson(['decide', odd, 'good/-dash\nline.png', '--reject', '--reason', "it's odd"]),
      ({ reason }) => reason === "it's odd",
    ),
  ).toEqual(['good/-dash\nline.png', odd]);
  const where = "class = 'other' and brightness > 0 and not path like '*/copy*'";
  expect(await runJson(['decide', where, '--unsure', '--dry-run'])).toMatchObject({
    changed: 5,
    paths: expect.arrayContaining(['other/blob-0.png']) as string[],
  });
  expect(
    pathsWhere(
      await runJson(['decide', where, '--unsure']),
      (sample) => sample.decision === 'unsure' && sample.reason === where,
    ),
  ).toHaveLength(5);
  await runJson(['tag', 'good/*.png', '--add', 'a b', "it's"]);
  expect(
    (
      await runJson(
        ['tag', '--from', '-', '--remove', 'a b'],
        `${JSON.stringify('good/-dash\nline.png')}\r\ngood/blob-1.png\n`,
      )
    ).samples.filter(({ tags }) => tags.length === 1),
  ).toHaveLength(2);
  expect(
    (await runJson(['label', join(folder, 'other/blob-0.png'), '--as', 'good'])).samples.find(
      ({ path }) => path === 'other/blob-0.png',
    ),
  ).toMatchObject({ class: 'good', label: 'good' });
  await runJson(['note', '--where', "tag = 'a b'", '--text', 'two\nlines']);

  const undone = await runJson(['undo', '--steps', '2']);
  expect(undone.samples.every(({ note, label }) => note === null && label === null)).toBe(true);
  const redone = await runJson(['redo', '--steps', '9']); // all that can be redone
  expect(pathsWhere(redone, ({ label }) => label === 'good')).toEqual(['other/blob-0.png']);
  expect(pathsWhere(redone, ({ note }) => note === 'two\nlines')).toHaveLength(5);
  await runJson(['decide', 'good/blob-3.png', '--keep']);
  await runJson(['undo']);

  await runJson(['duplicates', '--apart', 'other/blob-2.png', 'other/copy-2.png']);
  const groups = await winnowJson<{ groups: Group[] }>(['duplicates', folder, '--kind', 'exact'], env);
  expect(groups.groups.map(({ paths }) => paths)).toEqual([['good/blob-1.png', 'other/copy-1.png']]);
  // Its images are in two classes: not in the bulk, but if it is named.
  const bulk = await runJson(['duplicates', '--kind', 'exact', '--keep-best', 'largest', '--protect', 'other']);
  expect(bulk).toMatchObject({ changed: 0 });
  const named = ['--group', String(groups.groups[0].id)];
  expect(
    (
      await runJson(['duplicates', '--kind', 'exact', ...named, '--keep-best', 'largest', '--protect', 'other'])
    ).samples.find(({ path }) => path === 'good/blob-1.png'),
  ).toMatchObject({ decision: 'reject', reason: 'exact duplicate of other/copy-1.png' });
  const rows = [
    { path: 'good/blob-5.png', decision: 'keep', tags: ['from afar'] },
    { path: 'good/blob-7.png', label: 'seven', note: 'said "so"' },
    { path: 'gone.png', decision: 'keep' },
  ];
  expect(await runJson(['import', '-'], rows.map((row) => JSON.stringify(row)).join('\n'))).toMatchObject({
    rows: 3,
    matched: 2,
    changed: 2,
    unmatched: ['gone.png'],
  });
  await winnowJson(['checks', folder, '--threshold', 'low-information=0', 'dark=0.9'], env);
  for (const words of [['rename', "the odd's"], ['note', '-5\ncomponents'], ['pin']])
    await winnow(['runs', words[0], folder, 'pca-1', '--', ...words.slice(1)], env);
  await winnowJson(['views', folder, '--save', 'the odd', '--where', 'pca.error > 0', '--order', '-pca.error'], env);

  // In a pipe both commands run at the same time, and only one can own the folder.
  const piped = spawnSync(
    'sh',
    ['-c', '$WINNOW show "$1" --view "the odd" --top 2 | $WINNOW tag "$1" --from - --add top', 'sh', folder],
    { encoding: 'utf8', env: shellEnv(env) },
  );
  expect(piped.status, piped.stderr).toBe(0);
  expect(piped.stderr).toContain('2 images changed.');
  const top = await winnow(['show', folder, '--where', "tag = 'top'", '--quiet', '--order', '-pca.error'], env);
  expect(top.out.split('\n').slice(0, -1)).toEqual([odd, expect.any(String)]);

  const out = temporaryFolder('exports');
  const exportArgs = [
    'export',
    folder,
    '--to',
    join(out, 'clean set'),
    '--split',
    '0.5,0.25,0.25',
    '--seed',
    '7',
    '--drop',
    "note != none and tag = 'from afar'",
  ];
  const exported = await winnowJson<{ copied: number; splits: Record<string, number> }>(exportArgs, env);
  expect(Object.values(exported.splits).reduce((a, b) => a + b)).toBe(exported.copied);
  // 14 samples minus three rejected ones; the dropped one has both a note and the tag.
  expect(exported.copied).toBe(10);

  const history = await winnowJson<{ entries: { title: string; undone: boolean; command: string }[] }>(
    ['history', folder],
    env,
  );
  expect(history.entries.filter((entry) => entry.undone).map(({ command }) => command)).toEqual([
    `decide ${folder} good/blob-3.png --keep`,
  ]);
  expect(history.entries[0].command).toMatch(/^export /);

  const script = join(out, 'replay.sh');
  expect((await winnow(['script', folder, '--out', script], env)).code).toBe(0);
  const copy = join(temporaryFolder('copy'), basename(folder));
  cpSync(folder, copy, { recursive: true, preserveTimestamps: true });
  const again = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
  const place = temporaryFolder('exports-again');
  const ran = spawnSync('sh', [script, copy, place], { encoding: 'utf8', env: shellEnv(again) });
  expect(ran.status, ran.stderr).toBe(0);

  const state = async (at: string, data: Record<string, string>) => ({
    samples: (await winnowJson<Shown>(['show', at], data)).samples, // with the scores of the ranking and what the checks flag
    views: (await winnowJson<{ views: unknown }>(['views', at], data)).views,
    runs: (await winnowJson<{ runs: RunSummary[] }>(['runs', at], data)).runs.map(({ id, title, note, pinned }) => [
      ...[id, title, note, pinned],
    ]),
    groups: (await winnowJson<{ groups: Group[] }>(['duplicates', at], data)).groups.map(({ kind, paths }) => [
      kind,
      paths,
    ]),
  });
  const [after, before] = await Promise.all([state(copy, again), state(folder, env)]);
  expect(before.runs).toEqual([['pca-1', "the odd's", '-5\ncomponents', true]]);
  expect(after).toEqual(before);
  expect(contents(join(place, 'clean set'))).toEqual(contents(join(out, 'clean set')));
}, 240_000);

const contents = (at: string) =>
  Object.fromEntries(
    readdirSync(at, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file.slice(at.length), readFileSync(file).toString('base64')]),
  );

test('a move reports how many originals it moves, and moves none until the user confirms that number', async () => {
  const to = join(temporaryFolder('move'), 'set');
  const ended = await winnow(['export', folder, '--to', to, '--place', 'move', '--confirm-move', '3'], env);
  expect(ended.code).toBe(2);
  expect(ended.err).toContain('--confirm-move 11');
  expect(existsSync(to)).toBe(false);
});

test('an unknown path in a list is an error, unless unknown paths are to be skipped', async () => {
  const file = join(temporaryFolder('lists'), 'list.txt');
  writeFileSync(file, 'good/blob-9.png\nnot/there.png\n');
  const stopped = await winnow(['note', folder, '--from', file, '--text', 'from a list'], env);
  expect([stopped.code, stopped.err]).toEqual([1, expect.stringContaining('not/there.png')]);
  expect(
    pathsWhere(
      await runJson(['note', '--from', file, '--skip-missing', '--text', 'from a list']),
      ({ note }) => note === 'from a list',
    ),
  ).toEqual(['good/blob-9.png']);
  // An import would match it by name in another folder.
  const row = JSON.stringify({ path: 'moved/blob-9.png', note: null });
  expect(await runJson(['import', '-', '--skip-missing'], row)).toMatchObject({
    rows: 1,
    matched: 0,
    changed: 0,
    unmatched: ['moved/blob-9.png'],
  });
  expect(await runJson(['import', '-', '--dry-run'], row)).toMatchObject({ matched: 1, changed: 1 });
});
