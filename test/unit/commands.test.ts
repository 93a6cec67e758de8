/** The history line and the script line of each kind of journal entry. A contract test runs the script for real. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Patch } from '../../src-main/contract/marks.ts';
import { exportSchema, keepBestSchema, rankSchema, trainSchema } from '../../src-main/contract/schemas.ts';
import { pathLine, quoteWord } from '../../src-main/contract/words.ts';
import { commandOf, scriptOf } from '../../src-main/workspace/commands.ts';
import type { Action, JournalEntry } from '../../src-main/workspace/journal.ts';
import { folderOf, temporaryFolder } from '../fixtures/images.ts';

const paths = ['a.jpg', "it's.png", '-x.png', '"q".png', 'two\nlines.png', 'END', 'b c.jpg'];
const pathOf = (id: number) => paths[id];
const folder = '/my images';

let seq = 0;
const record = (
  action: Action,
  marks: [number, Patch, Patch][] = [],
  more: Partial<JournalEntry> = {},
): JournalEntry => ({
  seq: ++seq,
  at: 0,
  kind: ['rank', 'train', 'export'].includes(action.do) ? 'done' : 'edit',
  target: null,
  title: action.do,
  action,
  changes: { marks, settings: [] },
  undone: false,
  ...more,
});
const reject = (...ids: number[]) =>
  record(
    { do: 'edit', change: { decision: 'reject' } },
    ids.map((id) => [id, { decision: null }, { decision: 'reject' }]),
  );
const exported = (to: string, more: object = {}) =>
  record({ do: 'export', request: exportSchema.parse({ to, ...more }) });
const commandFor = (one: JournalEntry) => commandOf(one, folder, pathOf);

/** Runs the script with a `WINNOW` that records its arguments and its standard input. */
function run(script: string, args: string[] = []): { words: string[]; input: string }[] {
  const at = temporaryFolder('script');
  const log = join(at, 'log');
  mkdirSync(log);
  writeFileSync(join(at, 'replay.sh'), script);
  const node = `const fs = require('fs'); const out = process.env.LOG; const n = fs.readdirSync(out).length;
    const words = process.argv.slice(2); fs.writeFileSync(out + '/' + String(n).padStart(3, '0'), JSON.stringify({ words, input: words.includes('-') ? fs.readFileSync(0, 'utf8') : '' }));`;
  writeFileSync(join(at, 'winnow.cjs'), node);
  execFileSync('sh', ['-n', join(at, 'replay.sh')]);
  execFileSync('sh', [join(at, 'replay.sh'), ...args], {
    env: { ...process.env, WINNOW: `${process.execPath} ${join(at, 'winnow.cjs')}`, LOG: log },
  });
  return Array.from({ length: 1000 }, (_, n) => join(log, String(n).padStart(3, '0')))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as { words: string[]; input: string });
}

describe('a line of the history', () => {
  test.each<[string, JournalEntry]>([
    ["decide '/my images' a.jpg 'it'\\''s.png' ./-x.png --reject", reject(0, 1, 2)],
    [
      "decide '/my images' --where 'sharpness < 0.1' --reject",
      record({ do: 'edit', change: { decision: 'reject', reason: 'sharpness < 0.1' }, where: 'sharpness < 0.1' }, [
        [0, {}, {}],
      ]),
    ],
    [
      "decide '/my images' --where 'sharpness < 0.1' --reject --reason 'too soft'",
      record({ do: 'edit', change: { decision: 'reject', reason: 'too soft' }, where: 'sharpness < 0.1' }, [
        [0, {}, {}],
      ]),
    ],
    [
      "decide '/my images' --from - --keep",
      record(
        { do: 'edit', change: { decision: 'keep' } },
        [0, 1, 2, 3, 4, 5].map((id) => [id, {}, {}]),
      ),
    ],
    [
      "decide '/my images' a.jpg --clear && winnow tag '/my images' a.jpg --add x --add 'y z' --remove old && winnow label '/my images' a.jpg --as dog && winnow note '/my images' a.jpg --clear",
      record(
        {
          do: 'edit',
          change: { decision: null, addTags: ['x', 'y z'], removeTags: ['old'], label: 'dog', note: null },
        },
        [[0, {}, {}]],
      ),
    ],
    [
      "duplicates '/my images' --kind exact near --keep-best sharpest --protect train",
      record({ do: 'keep-best', request: keepBestSchema.parse({ rule: 'sharpest', protectedFolder: 'train' }) }),
    ],
    ["import '/my images' '/a/my marks.csv'", record({ do: 'import', file: '/a/my marks.csv' })],
    ["import '/my images' --from -", record({ do: 'import', file: '/tmp/winnow-stdin-x/marks.csv' })],
    ["checks '/my images' --threshold blurry=default", record({ do: 'threshold', check: 'blurry', threshold: null })],
    [
      "views '/my images' --save 'the odd' --where 'pca.error > 1' --order -pca.error",
      record({
        do: 'view',
        view: { name: 'the odd', where: 'pca.error > 1', order: { by: 'pca.error', descending: true } },
      }),
    ],
    ["views '/my images' --remove 'the odd'", record({ do: 'remove-view', name: 'the odd' })],
    [
      "runs rename '/my images' cnn-1 'wide & deep' && winnow runs note '/my images' cnn-1 -- '-5 epochs' && winnow runs pin '/my images' cnn-1",
      record({ do: 'describe-run', run: 'cnn-1', title: 'wide & deep', note: '-5 epochs', pinned: true }),
    ],
    [
      "runs rename '/my images' cnn-1 --clear && winnow runs unpin '/my images' cnn-1",
      record({ do: 'describe-run', run: 'cnn-1', title: null, pinned: false }),
    ],
    ["duplicates '/my images' --apart a.jpg 'b c.jpg'", record({ do: 'apart', paths: ['a.jpg', 'b c.jpg'] })],
    [
      "export '/my images' --to /out/clean --format folder --place copy --split 0.8,0.1,0.1 --seed 4 --kept-only --drop 'width < 9' --safe-for-spreadsheets",
      exported('/out/clean', {
        splits: { train: 0.8, val: 0.1, test: 0.1 },
        seed: 4,
        keptOnly: true,
        drop: 'width < 9',
        safeForSpreadsheets: true,
      }),
    ],
  ])('%s', (command, one) => expect(commandFor(one)).toBe(command));

  test('of a ranking names every parameter, also those with default values', () => {
    const command = commandFor(
      record({
        do: 'rank',
        request: rankSchema.parse({ method: 'pca', trainOn: 'good/**', seed: 3, parameters: { sizePx: 32 } }),
        run: 'pca-1',
      }),
    );
    expect(command).toMatch(/^rank '\/my images' --method pca --train-on 'good\/\*\*' --seed 3 --/);
    expect(command).toContain(' --size 32');
    expect(command.match(/ --/g)?.length).toBeGreaterThan(5);
  });

  test('of a ranking with masks names their folder and thresholds; entries of earlier versions have none', () => {
    const request = rankSchema.parse({
      method: 'pca',
      masks: '/my masks',
      maskThreshold: 0.08,
      rule: { rule: 'share' },
    });
    const commandWith = (stored: typeof request) => commandFor(record({ do: 'rank', request: stored, run: 'pca-1' }));
    expect(commandWith(request)).toContain(" --masks '/my masks' --mask-threshold 0.08 --threshold share:5");
    const { masks: _, maskThreshold: __, rule: ___, ...earlier } = request;
    expect(commandWith(earlier as typeof request)).not.toMatch(/mask|threshold/);
  });
});

test('arguments and paths of every kind pass through a shell unchanged', () => {
  const odd = ["it's", 'a b', '$HOME', '`id`', '"', '\\', 'a\nb', '', '*', '~', '!x', '-n', 'ü', 'a;b', '#'];
  const said = execFileSync(
    'sh',
    ['-c', `for word in ${odd.map(quoteWord).join(' ')}; do printf '%s\\0' "$word"; done`],
    { encoding: 'utf8' },
  );
  expect(said.split('\0').slice(0, -1)).toEqual(odd);
  expect(paths.map(pathLine)).toEqual([
    'a.jpg',
    "it's.png",
    '-x.png',
    '"\\"q\\".png"',
    '"two\\nlines.png"',
    'END',
    'b c.jpg',
  ]);
});

describe('a script', () => {
  test('names exactly the changed images with their new marks; undone edits are left out', () => {
    const keepBest = record({ do: 'keep-best', request: keepBestSchema.parse({}) }, [
      [0, {}, { decision: 'reject', reason: 'copy of b c.jpg' }],
      [3, {}, { decision: 'reject', reason: 'other' }],
    ]);
    const calls = run(scriptOf([reject(0, 1, 3, 4, 5), { ...reject(6), undone: true }, keepBest], folder, pathOf), [
      '/copy',
    ]);
    expect(calls.map(({ words }) => words)).toEqual([
      ['scan', '/copy'],
      ['decide', '/copy', '--skip-missing', '--from', '-', '--reject'],
      ['import', '/copy', '--skip-missing', '--from', '-'],
    ]);
    expect(calls[1].input).toBe('a.jpg\nit\'s.png\n"\\"q\\".png"\n"two\\nlines.png"\nEND\n');
    expect(
      calls[2].input
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { path: 'a.jpg', decision: 'reject', reason: 'copy of b c.jpg' },
      { path: '"q".png', decision: 'reject', reason: 'other' },
    ]);
  });

  test('never turns a comment into a command, whatever the name of a folder or a title', () => {
    const calls = run(scriptOf([{ ...reject(0), title: 'reject\nrm -rf x' }], "/bad\necho 'name", pathOf));
    expect(calls.map(({ words }) => words.slice(0, 2))).toEqual([
      ['scan', "/bad\necho 'name"],
      ['decide', "/bad\necho 'name"],
    ]);
  });

  test('exports to the same folders, or below a given folder, where equal names get a number', () => {
    const script = scriptOf(
      [exported('/x/clean set'), exported('/y/clean set'), exported('/x/clean set')],
      folder,
      pathOf,
    );
    const targets = (calls: ReturnType<typeof run>) =>
      calls.flatMap(({ words }) => (words[0] === 'export' ? words[words.indexOf('--to') + 1] : []));
    // The last export replaced the first.
    expect(targets(run(script))).toEqual(['/y/clean set', '/x/clean set']);
    expect(targets(run(script, ['/copy', '/new place'])).sort()).toEqual([
      '/new place/clean set',
      '/new place/clean set-2',
    ]);
  });

  test('applies an edit that was undone after an export to that export only', () => {
    const [first, second] = [reject(0), { ...reject(1), undone: true }];
    const undo = { ...record({ do: 'edit', change: {} }), kind: 'undo' as const, target: second.seq };
    const redo = { ...undo, kind: 'redo' as const };
    const calls = run(
      scriptOf(
        [first, second, exported('/out/a'), undo, exported('/out/b'), redo, exported('/out/c'), undo, reject(2)],
        folder,
        pathOf,
      ),
    );
    expect(calls.map(({ words, input }) => [words[0], words[0] === 'export' ? words[3] : input.trim()])).toEqual([
      ['scan', ''],
      ['decide', 'a.jpg'],
      ['decide', "it's.png"],
      ['export', '/out/a'],
      ['undo', ''],
      ['export', '/out/b'],
      ['decide', "it's.png"],
      ['export', '/out/c'],
      ['undo', ''],
      ['decide', '-x.png'],
    ]);
  });

  describe('whose runs get other numbers, since unfinished runs are not repeated', () => {
    const rank = (id: string) => record({ do: 'rank', request: rankSchema.parse({ method: 'pca' }), run: id });
    const train = (id: string) => record({ do: 'train', request: trainSchema.parse({ model: 'cnn' }), run: id });
    const view = (where: string | null, by = 'path', name = 'v') =>
      record({ do: 'view', view: { name, where, order: { by, descending: false } } });
    const after = (...entries: JournalEntry[]) => {
      const script = scriptOf([rank('pca-2'), train('cnn-3'), train('cnn-4'), ...entries], folder, pathOf);
      return {
        script,
        calls: run(script)
          .slice(4)
          .map(({ words }) => words.filter((word) => word !== folder)),
      };
    };

    test('each later command refers to the same run', () => {
      const { calls, script } = after(
        view("cnn-3.loss > 1 and not (pca-2.error < 2 or cnn.predicted = 'cnn-3.loss') and width > 9", 'cnn-4.loss'),
        exported('/out/a', { drop: 'cnn-4.loss>2' }),
        record({ do: 'archive-runs', runs: ['cnn-4', 'pca-2'] }),
        record({ do: 'describe-run', run: 'cnn-4', title: 'best', pinned: true }),
        record({ do: 'delete-runs', runs: ['cnn-3'] }),
      );
      expect(calls.map((words) => words.join(' '))).toEqual([
        "views --save v --where cnn-1.loss > 1 and not (pca-1.error < 2 or cnn.predicted = 'cnn-3.loss') and width > 9 --order cnn-2.loss",
        'export --to /out/a --format folder --place copy --seed 1 --drop cnn-2.loss>2',
        'runs archive cnn-2 pca-1',
        'runs rename cnn-2 best',
        'runs pin cnn-2',
        'runs delete cnn-1',
      ]);
      expect(script).toContain('# Here cnn-3 becomes cnn-1: runs before it were not finished.');
    });

    test('a command that needs a run that is not repeated is left out, and the script says why', () => {
      const unknown = view('labels-1.quality < 0.1', 'path', 'suspects');
      const removed = record({ do: 'remove-view', name: 'suspects' });
      removed.changes.settings.push(['view:suspects', unknown.action.do === 'view' && unknown.action.view, null]);
      const { calls, script } = after(
        record({ do: 'delete-runs', runs: ['cnn-1', 'cnn-3', 'cnn-range-1'] }), // cnn-1 was not finished: the script’s cnn-1 is another run
        record({ do: 'archive-runs', runs: ['labels-1'] }),
        unknown,
        removed,
        view(null, 'labels.quality'),
        view('sharpness < 0.1'),
      );
      expect(calls).toEqual([
        ['runs', 'delete', 'cnn-1'],
        ['views', '--save', 'v', '--where', 'sharpness < 0.1', '--order', 'path'],
      ]);
      expect(script).toContain('# cannot be repeated: this script does not make labels-1.');
      expect(script).toContain('# cannot be repeated: this script does not make the column ‘labels.quality’.');
    });
  });

  test('stops at the first command that fails', () => {
    const file = join(folderOf({}, 'script'), 'replay.sh');
    writeFileSync(file, scriptOf([reject(0)], folder, pathOf));
    expect(() => execFileSync('sh', [file], { env: { ...process.env, WINNOW: 'false' }, stdio: 'pipe' })).toThrow();
  });
});
