/** Answers without evidence, tables that say nothing, output that cannot be written, and output into pipes: cases that once went wrong. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { caseFolder, caseTest, hasCases, untried } from '../fixtures/cases.ts';
import { compileCache, root, winnow, winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const newData = () => ({ WINNOW_DATA: temporaryFolder('data') });

describe.skipIf(!hasCases)('73: a class whose images are near copies', () => {
  interface Answer {
    samples: {
      path: string;
      given: string;
      suggested: string | null;
      quality: number | null;
      flagged: boolean;
      unjudged: string | null;
    }[];
    unjudged: { class: string; images: number; reason: string }[];
    run: { report: Record<string, number> };
  }

  test('cannot be judged, is not suspected, and is never erased', async () => {
    const folder = join(caseFolder('words', '73'), 'in');
    const data = newData();
    const reason = 'All 6 images of b are near copies, so no model could learn b without them.';
    const found = await winnowJson<Answer>(['labels', folder], data);
    expect(found.unjudged).toEqual([{ class: 'b', images: 6, reason }]);
    expect(found.samples).toHaveLength(16);
    for (const sample of found.samples.filter(({ given }) => given === 'b'))
      expect(sample).toMatchObject({ suggested: null, quality: null, flagged: false, unjudged: reason });
    for (const { given, quality, suggested, unjudged } of found.samples.filter(({ given }) => given === 'a')) {
      expect([given, suggested, unjudged]).toEqual(['a', 'a', null]);
      expect(quality).toBeGreaterThan(0);
    }
    expect(found.run.report).toEqual({ flagged: 0, judged: 10, unjudged: 6 });

    const accepted = await winnow(['labels', folder, '--accept', '--all'], data);
    expect(accepted.err).toContain(reason);
    const shown = await winnow(['show', folder, '--where', 'label != none or labels-1.suspect = 1'], data);
    expect(shown.out).toBe('');
    const unjudged = await winnow(['show', folder, '--where', "labels-1.unjudged = 'near copies'"], data);
    expect(unjudged.out.trim().split('\n')).toHaveLength(6);
    const confirmed = await winnow(['labels', folder, '--confirm', 'b/0.jpg'], data);
    expect(confirmed).toMatchObject({ code: 2, err: expect.stringContaining(reason) as string });

    // Out-of-fold predictions of a classifier have the same fault: its result says so, and its labels are not judged either.
    const trained = await winnowJson<{ run: { id: string; notes: string[] } }>(
      ['train', folder, '--mode', 'head', '--folds', '5'],
      data,
    );
    expect(trained.run.notes.join(' ')).toContain('6 images of b: tested with a model that saw no other image');
    const again = await winnowJson<Answer>(['labels', folder, '--run', trained.run.id], data);
    expect(again.unjudged).toEqual([{ class: 'b', images: 6, reason }]);
    expect(again.samples.filter(({ flagged }) => flagged)).toEqual([]);
  });
});

describe.skipIf(!hasCases)('44, 45: tables that cannot be meant', () => {
  test('are refused with the reason, and nothing changes', async () => {
    const folder = caseFolder('words', '44');
    const data = newData();
    await winnow(['scan', join(folder, 'in'), '--quiet'], data);
    const importing = (file: string, input?: string) => winnow(['import', join(folder, 'in'), file], data, input);
    const refused = async (file: string, reason: string) => {
      const { code, err } = await importing(file);
      expect([file, code, err]).toEqual([file, 2, expect.stringContaining(reason)]);
      expect(err).not.toContain('undefined');
    };
    await refused(join(folder, 'tables', 'dup.json'), 'have the same id 1: cat/0.png and dog/1.png');
    const oneLine = join(caseFolder('words', '45'), 'tables');
    await refused(join(oneLine, 'voc.xml'), 'voc.xml is XML or HTML');
    await refused(join(oneLine, 'nohead.csv'), 'Line 1 of nohead.csv has no column with image paths');
    const tables = temporaryFolder('tables');
    writeFileSync(join(tables, 'foo.csv'), 'path,foo,bar\ncat/0.png,1,2\n');
    await refused(join(tables, 'foo.csv'), 'The columns foo, bar are not used');
    writeFileSync(join(tables, 'head.csv'), 'path,label\n');
    await refused(join(tables, 'head.csv'), 'no rows');

    // Rows for other images only: failed, since nothing was imported.
    writeFileSync(join(tables, 'other.csv'), 'path,label\nelsewhere/9.png,lynx\n');
    const other = await importing(join(tables, 'other.csv'));
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('elsewhere/9.png') as string });
    const shown = await winnow(['show', join(folder, 'in'), '--where', 'label != none'], data);
    expect(shown.out).toBe('');

    // UTF-16, from a file; the second time, nothing changes and it says so.
    writeFileSync(
      join(tables, 'excel.csv'),
      Buffer.from('\ufeffpath\tlabel\tfoo\r\ncat/0.png\tlynx\t1\r\n', 'utf16le'),
    );
    const first = await importing(join(tables, 'excel.csv'));
    expect(first).toMatchObject({
      code: 0,
      err: expect.stringMatching(/1 image changed[^]*The column foo is not used/) as string,
    });
    expect((await importing(join(tables, 'excel.csv'))).err).toContain('nothing changed, since they have these marks');
  });
});

describe.skipIf(!hasCases)('80: output that cannot be written', () => {
  test('is told before the work, for every option that names a place', async () => {
    const folder = join(caseFolder('words', '80'), 'in');
    const data = newData();
    const none = join(temporaryFolder('outputs'), 'no such folder', 'x');
    const isFile = join(temporaryFolder('outputs'), 'file');
    writeFileSync(isFile, 'mine');
    const isFolder = temporaryFolder('is-folder');
    for (const [args, reason] of [
      [['scan', folder, '--json', none], 'no such folder does not exist'],
      [['labels', folder, '--json', none], 'no such folder does not exist'],
      [['show', folder, '--json', isFolder], 'is a folder. Name a file in it'],
      [['scan', folder, '--json', isFile], 'was not written by Winnow'],
      [['scan', folder, '--json', join(isFile, 'x.json')], 'is a file, not a folder'],
      [['runs', folder, '--csv', none], 'no such folder does not exist'],
      [['doctor', '--json', none], 'no such folder does not exist'],
      [['rank', folder, '--method', 'pca', '--maps', isFile], 'is a file, not a folder'],
      [['rank', folder, '--method', 'pca', '--masks', isFile], 'is a file, not a folder'],
      [['train', folder, '--preview', isFile], 'is a file, not a folder'],
      [['export', folder, '--to', join(folder, 'x')], 'inside the opened folder'],
    ] as const) {
      const { code, out, err } = await winnow([...args], data);
      expect([args.join(' '), [1, 2].includes(code ?? 0), err]).toEqual([
        args.join(' '),
        true,
        expect.stringContaining(reason),
      ]);
      expect(out).toBe('');
      expect(err).not.toMatch(/Reading images|Training/);
    }
    expect(readFileSync(isFile, 'utf8')).toBe('mine');
    expect(readdirSync(isFolder)).toEqual([]);
    expect(existsSync(join(none, '..'))).toBe(false);
  });
});

describe.skipIf(!hasCases)('01: output into a pipe', () => {
  test('is complete, however slowly it is read', async () => {
    const folder = temporaryFolder('many');
    const data = newData();
    execFileSync('python3', [join(caseFolder('words', '01'), 'make.py'), folder]);
    expect((await winnow(['scan', folder, '--quiet'], data)).code).toBe(0);
    /** The output of a command whose reader waits before it starts to read, and again between blocks. */
    const slowly = async (args: string[]) => {
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'cli.ts'), ...args],
        {
          env: { ...process.env, ...compileCache, ...data },
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const parts: Buffer[] = [];
      for await (const part of child.stdout) {
        parts.push(part as Buffer);
        await pause(parts.length === 1 ? 1500 : 5);
      }
      expect(await ended).toBe(0);
      return Buffer.concat(parts).toString('utf8');
    };
    const paths = (await slowly(['show', folder])).trimEnd().split('\n');
    expect(paths).toHaveLength(1200);
    expect(new Set(paths).size).toBe(1200);
    expect(paths.at(-1)).toMatch(/image_number_001199_of_the_recording_of_the_second_line_2026\.png$/);
    const json = await slowly(['show', folder, '--json', '-', '--quiet']);
    expect(json.length).toBeGreaterThan(2 ** 18);
    expect((JSON.parse(json) as { samples: unknown[] }).samples).toHaveLength(1200);
  });
});

caseTest('each case of this topic is tried', () => {
  expect(untried('words')).toEqual([]);
});
