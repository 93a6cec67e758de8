/** The history line and the script line of each kind of journal entry. A contract test runs the script for real. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Patch } from '../../src-main/contract/marks.ts';
import { exportSchema, keepBestSchema, rankSchema } from '../../src-main/contract/schemas.ts';
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
  kind: action.do === 'rank' || action.do === 'export' ? 'done' : 'edit',
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
const told = (one: JournalEntry) => commandOf(one, folder, pathOf);

/** Runs the script with a `WINNOW` that writes down its words and its standard input. */
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
  ])('%s', (command, one) => expect(told(one)).toBe(command));

  test('a ranking names every parameter, also those that were left at their defaults', () => {
    const command = told(
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
});

test('words and paths of every kind come through a shell as they are', () => {
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
  test('names exactly the images that changed, each with what it got; undone edits are left out', () => {
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

  test('a comment cannot become a command, whatever a folder or a title is called', () => {
    const calls = run(scriptOf([{ ...reject(0), title: 'reject\nrm -rf x' }], "/bad\necho 'name", pathOf));
    expect(calls.map(({ words }) => words.slice(0, 2))).toEqual([
      ['scan', "/bad\necho 'name"],
      ['decide', "/bad\necho 'name"],
    ]);
  });

  test('exports go where they went, or under the folder given, two of one name beside each other', () => {
    const script = scriptOf(
      [exported('/x/clean set'), exported('/y/clean set'), exported('/x/clean set')],
      folder,
      pathOf,
    );
    const targets = (calls: ReturnType<typeof run>) =>
      calls.flatMap(({ words }) => (words[0] === 'export' ? words[words.indexOf('--to') + 1] : []));
    // The first was replaced by the last.
    expect(targets(run(script))).toEqual(['/y/clean set', '/x/clean set']);
    expect(targets(run(script, ['/copy', '/new place'])).sort()).toEqual([
      '/new place/clean set',
      '/new place/clean set-2',
    ]);
  });

  test('an edit that stood when an export was made and was undone later stands for that export only', () => {
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

  test('stops at the first command that fails', () => {
    const file = join(folderOf({}, 'script'), 'replay.sh');
    writeFileSync(file, scriptOf([reject(0)], folder, pathOf));
    expect(() => execFileSync('sh', [file], { env: { ...process.env, WINNOW: 'false' }, stdio: 'pipe' })).toThrow();
  });
});
