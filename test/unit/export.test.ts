/** Exports: every format, placement and split with real files, verified on the disk. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportSchema, type ExportRequest } from '../../src-main/contract/schemas.ts';
import { placements, type ExportResult } from '../../src-main/contract/export-types.ts';
import { type Sample } from '../../src-main/contract/types.ts';
import { exportSet, planExport, type ExportInput } from '../../src-main/export/export.ts';
import { formats } from '../../src-main/export/index.ts';
import { UniqueNames, safeName } from '../../src-main/export/names.ts';
import { splitNamed } from '../../src-main/contract/folder-classes.ts';
import { assignSplits } from '../../src-main/workspace/splits.ts';
import { findImages } from '../../src-main/image/find.ts';
import { importMarks } from '../../src-main/workspace/import.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { sampleOf } from '../fixtures/samples.ts';

const shares = { train: 60, val: 20, test: 20 };
const quiet = (signal = new AbortController().signal, onProgress = (_: number) => {}): Report => ({
  stage: () => {},
  progress: onProgress,
  run: () => {},
  signal,
});
const ask = (request: Partial<ExportRequest>): ExportRequest => exportSchema.parse(request);
const target = () => join(temporaryFolder('export'), 'out');
const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** The samples that a scan of the folder would give. */
async function samplesOf(folder: string, marks: Record<string, Partial<Sample>> = {}): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const { path, bytes, modifiedMs } of findImages(folder, {
    signal: new AbortController().signal,
    onIssue: () => {},
    isKnown: () => false,
  })) {
    const { width, height, format } = await sharp(readFileSync(join(folder, path))).metadata();
    const own = marks[path] ?? {};
    samples.push({
      id: samples.length + 1,
      path,
      class: own.label ?? path.split('/').at(-2) ?? null,
      folderClass: path.split('/').at(-2) ?? null,
      split: splitNamed(path.split('/')[0]),
      frames: 1,
      notice: null,
      values: null,
      rendering: null,
      bytes,
      modifiedMs,
      width,
      height,
      format,
      sha256: sha256(join(folder, path)),
      decision: null,
      reason: null,
      tags: [],
      label: null,
      note: null,
      ...own,
    });
  }
  return samples;
}

const inputOf = (folder: string, samples: readonly Sample[], more: Partial<ExportInput> = {}): ExportInput => ({
  folder,
  samples,
  isDropped: () => false,
  unreadable: 0,
  runs: [],
  groups: [],
  columns: [],
  ...more,
});

/** Every file with its content, and every link with its target. */
function tree(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isDirectory())
      files[file.slice(folder.length + 1).replaceAll('\\', '/')] = entry.isSymbolicLink()
        ? `→ ${readlinkSync(file)}`
        : sha256(file);
  }
  return files;
}
const times = (folder: string) =>
  Object.keys(tree(folder))
    .sort()
    .map((path) => [path, statSync(join(folder, path)).mtimeMs, sha256(join(folder, path))]);

interface ManifestRow {
  path: string;
  original: string;
  split: string | null;
  class: string | null;
  sha256: string;
  scores: Record<string, number | null>;
}
const manifestOf = (to: string) =>
  JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as {
    schema: string;
    samples: ManifestRow[];
    leftOut: { path: string; why: string; reason: string | null }[];
    runs: { id: string; seed: number; parameters: object }[];
  };

const marked: Record<string, Partial<Sample>> = {
  'other/blob-00.png': { decision: 'reject', reason: 'blurry > 0.5, "quoted"', tags: ['a;b', 'c'], note: 'two\nlines' },
  'other/blob-02.png': { decision: 'reject', reason: 'odd' },
  'good/blob-01.png': { decision: 'keep', reason: 'fine', tags: ['x', 'y'] },
  'good/blob-03.png': { decision: 'unsure', label: 'other', note: '=1+1' },
  'good/blob-05.png': { label: 'Neu/klasse: é' },
};
/** The trash of these tests on Linux. On other systems, and for folders on another disk than the home folder, it is the system's trash. */
const trash = temporaryFolder('trash');
const isTrashOurs = process.platform === 'linux' && statSync(trash).dev === statSync(homedir()).dev;
process.env.XDG_DATA_HOME = trash;

let folder: string;
let samples: Sample[];

beforeAll(async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 20; i++)
    files[`${i % 2 ? 'good' : 'other'}/blob-${String(i).padStart(2, '0')}.png`] = await blob(i);
  files['top.png'] = await blob(77);
  folder = folderOf(files, 'export-source');
  samples = await samplesOf(folder, marked);
});

const unmarked = () =>
  samples.map((sample): Sample => ({ ...sample, decision: null, reason: null, tags: [], label: null, note: null }));

describe.each(formats.map(({ id }) => id))('format %s', (format) => {
  test.each([null, shares])(
    'with splits %o: files have the right content, every mark can be imported again, the folder is unchanged',
    async (splits) => {
      const before = times(folder);
      const to = target();
      const input = inputOf(folder, samples, {
        columns: [
          { name: 'pca-1.error', values: Float64Array.from({ length: 40 }, (_, i) => (i === 3 ? NaN : i / 8)) },
        ],
      });
      const request = ask({ to, format, splits });
      const plan = await planExport(input, request);
      expect(existsSync(to)).toBe(false);
      const result = await exportSet(input, request, quiet());
      expect(result).toMatchObject({ ...plan, freeBytes: expect.any(Number), failed: [], trashed: 0 });
      expect(plan).toMatchObject({
        copied: 19,
        rejected: 2,
        kept: 1,
        unsure: 1,
        undecided: 17,
        dropped: 0,
        renamed: 0,
      });
      const { samples: rows, leftOut, schema } = manifestOf(to);
      expect(schema).toBe('winnow/manifest@2');
      expect(rows.map(({ original }) => original)).toEqual(
        samples
          .filter(({ decision }) => decision !== 'reject')
          .map(({ path }) => path)
          .sort(),
      );
      for (const row of rows) {
        expect(sha256(join(to, row.path))).toBe(row.sha256);
        expect(sha256(join(folder, row.original))).toBe(row.sha256);
      }
      expect(leftOut.map(({ path, why }) => [path, why])).toEqual([
        ['other/blob-00.png', 'rejected'],
        ['other/blob-02.png', 'rejected'],
      ]);
      expect(rows.filter(({ scores }) => scores['pca-1.error'] === null)).toHaveLength(1);
      if (splits) expect(Object.values(plan.splits).reduce((a, b) => a + b)).toBe(19);
      expect(times(folder)).toEqual(before);
      expect(readdirSync(dirname(to))).toEqual([basename(to)]);

      const { result: imported, marks } = await importMarks(join(to, 'manifest.json'), unmarked());
      expect(imported).toEqual({ rows: 21, matched: 21, changed: 5, unmatched: [], notes: [] });
      expect(
        Object.fromEntries(marks.map(([id, patch]) => [samples.find((sample) => sample.id === id)?.path, patch])),
      ).toEqual(marked);
      // The table lists only the images in the set.
      const fromCsv = await importMarks(join(to, 'manifest.csv'), unmarked());
      expect(fromCsv.result).toEqual({ rows: 19, matched: 19, changed: 3, unmatched: [], notes: [] });
      // The marks are also read when the export itself is opened.
      const there = await samplesOf(to);
      expect((await importMarks(join(to, 'manifest.csv'), there)).result).toMatchObject({
        matched: 19,
        unmatched: [],
        notes: [],
      });
    },
  );

  test('the same actions give the same bytes', async () => {
    const [a, b] = [target(), target()];
    await exportSet(inputOf(folder, samples), ask({ to: a, format, splits: shares }), quiet());
    await exportSet(inputOf(folder, [...samples].reverse()), ask({ to: b, format, splits: shares }), quiet());
    expect(tree(b)).toEqual(tree(a));
  });

  test('interrupted halfway, it resumes to the same bytes', async () => {
    const [whole, cut] = [target(), target()];
    await exportSet(inputOf(folder, samples), ask({ to: whole, format, splits: shares }), quiet());
    const stop = new AbortController();
    const request = ask({ to: cut, format, splits: shares });
    const cancelled = exportSet(
      inputOf(folder, samples),
      request,
      quiet(stop.signal, (done) => {
        if (done === 8) stop.abort();
      }),
    );
    await expect(cancelled).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('to resume'),
    });
    expect(existsSync(cut)).toBe(false);
    const part = join(dirname(cut), '.out.winnow-part', 'set');
    const placed = Object.keys(tree(part));
    expect(placed.length).toBeGreaterThanOrEqual(8);
    expect(placed.length).toBeLessThan(19);
    // One image and the manifest were truncated: neither counts as complete. Complete files are not written again.
    const [torn, kept] = placed;
    writeFileSync(join(part, torn), 'half');
    writeFileSync(join(part, 'manifest.json'), '{');
    const inode = statSync(join(part, kept)).ino;
    await exportSet(inputOf(folder, samples), request, quiet());
    expect(tree(cut)).toEqual(tree(whole));
    expect(statSync(join(cut, kept)).ino).toBe(inode);
    expect(readdirSync(dirname(cut))).toEqual(['out']);
  });

  test('a list names the originals and places nothing', async () => {
    const to = target();
    const result = await exportSet(
      inputOf(folder, samples),
      ask({ to, format, place: 'list', splits: shares }),
      quiet(),
    );
    expect(Object.keys(tree(to)).filter((path) => path.endsWith('.png'))).toEqual([]);
    const listed = Object.keys(result.splits).flatMap((split) =>
      readFileSync(join(to, `${split}.txt`), 'utf8')
        .trim()
        .split('\n'),
    );
    expect(listed.sort()).toEqual(
      manifestOf(to)
        .samples.map(({ original }) => join(folder, original))
        .sort(),
    );
    expect((await importMarks(join(to, 'manifest.json'), unmarked())).result).toMatchObject({
      matched: 21,
      changed: 5,
    });
  });
});

describe('what other programs read', () => {
  test('yolo: each split has a folder for each class, and images without a class are next to them', async () => {
    const to = target();
    const result = await exportSet(inputOf(folder, samples), ask({ to, format: 'yolo', splits: shares }), quiet());
    expect(result.splits).toEqual({ train: 11, val: 4, test: 3, unlabelled: 1 });
    expect(readdirSync(to).sort()).toEqual(['manifest.csv', 'manifest.json', 'test', 'train', 'unlabelled', 'val']);
    for (const split of ['train', 'val', 'test'])
      expect(readdirSync(join(to, split)).sort()).toEqual(['Neu_klasse_ é', 'good', 'other']);
    expect(readdirSync(join(to, 'unlabelled'))).toEqual(['top.png']);
    expect((await planExport(inputOf(folder, samples), ask({ to: target(), format: 'yolo' }))).splits).toEqual({
      train: 18,
      unlabelled: 1,
    });
    for (const { path, class: name, split } of manifestOf(to).samples)
      if (name && !name.includes('/')) expect(path.split('/').slice(0, 2)).toEqual([split, name]);
  });

  test('coco: whole images as boxes, identifiers from 1, one file for each split', async () => {
    const to = target();
    await exportSet(inputOf(folder, samples), ask({ to, format: 'coco', splits: shares }), quiet());
    const seen: number[] = [];
    for (const split of ['train', 'val', 'test']) {
      const set = JSON.parse(readFileSync(join(to, 'annotations', `instances_${split}.json`), 'utf8'));
      expect(set.categories.map(({ id, name }: { id: number; name: string }) => [id, name])).toEqual([
        [1, 'Neu/klasse: é'],
        [2, 'good'],
        [3, 'other'],
      ]);
      for (const image of set.images) {
        seen.push(image.id);
        expect(await sharp(join(to, 'images', image.file_name)).metadata()).toMatchObject({
          width: image.width,
          height: image.height,
        });
      }
      for (const annotation of set.annotations) {
        expect(set.images.map(({ id }: { id: number }) => id)).toContain(annotation.image_id);
        expect(annotation).toMatchObject({ bbox: [0, 0, 48, 48], area: 48 * 48, iscrowd: 0 });
      }
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
    const { result, marks } = await importMarks(join(to, 'annotations', 'instances_train.json'), unmarked());
    expect(result.matched).toBe(result.rows);
    for (const [id, patch] of marks)
      expect(patch).toEqual({ label: samples.find((sample) => sample.id === id)?.label });
  });

  test('csv and jsonl: labels as a table, each split’s lines beside its images', async () => {
    const [table, lines] = [target(), target()];
    await exportSet(inputOf(folder, samples), ask({ to: table, format: 'csv' }), quiet());
    const text = readFileSync(join(table, 'labels.csv'), 'utf8').split('\r\n');
    expect(text.slice(0, 3)).toEqual(['path,label,split', 'good/blob-01.png,good,', 'good/blob-03.png,other,']);
    expect((await importMarks(join(table, 'labels.csv'), unmarked())).marks.map(([, patch]) => patch)).toEqual([
      { label: 'other' },
      { label: 'Neu/klasse: é' },
    ]);
    await exportSet(inputOf(folder, samples), ask({ to: lines, format: 'jsonl', splits: shares }), quiet());
    for (const split of ['train', 'val', 'test']) {
      for (const line of readFileSync(join(lines, split, 'metadata.jsonl'), 'utf8')
        .trim()
        .split('\n')) {
        const row = JSON.parse(line) as { file_name: string; split: string };
        expect(row.split).toBe(split);
        expect(existsSync(join(lines, split, row.file_name))).toBe(true);
      }
    }
  });

  test('splits given by the source folders are kept, unless another split is requested', async () => {
    const source = folderOf({
      'train/a/1.png': await blob(1),
      'train/a/2.png': await blob(2),
      'val/a/1.png': await blob(3),
    });
    const [as, anew] = [target(), target()];
    const input = inputOf(source, await samplesOf(source));
    expect((await exportSet(input, ask({ to: as }), quiet())).splits).toEqual({ train: 2, val: 1 });
    expect(Object.keys(tree(as)).sort()).toEqual([
      'manifest.csv',
      'manifest.json',
      'train/a/1.png',
      'train/a/2.png',
      'val/a/1.png',
    ]);
    expect(await exportSet(input, ask({ to: anew, splits: { train: 1, val: 0, test: 0 } }), quiet())).toMatchObject({
      splits: { train: 3 },
      renamed: 1,
    });
    expect(Object.keys(tree(anew)).sort()).toEqual([
      'manifest.csv',
      'manifest.json',
      'train/a/1 (2).png',
      'train/a/1.png',
      'train/a/2.png',
    ]);
  });
});

describe('placement', () => {
  test.each(placements.filter((place) => place !== 'list' && place !== 'move'))('%s', async (place) => {
    const before = times(folder);
    const to = target();
    const result = await exportSet(inputOf(folder, samples), ask({ to, place }), quiet());
    expect(result).toMatchObject({ copied: 19, failed: [] });
    for (const { path, original, sha256: hash } of manifestOf(to).samples) {
      const [file, source] = [join(to, path), join(folder, original)];
      expect(sha256(file)).toBe(hash);
      if (place === 'symlink') expect(readlinkSync(file)).toBe(source);
      else expect(lstatSync(file).isFile()).toBe(true);
      if (place === 'hardlink') expect(statSync(file).ino).toBe(statSync(source).ino);
      expect(Math.abs(statSync(file).mtimeMs - statSync(source).mtimeMs)).toBeLessThan(1);
      if (place === 'copy') expect(statSync(file).ino).not.toBe(statSync(source).ino);
    }
    expect(times(folder)).toEqual(before);
  });

  test('move asks twice; then only the exported originals are in the trash', async () => {
    const outside = folderOf({ 'linked.png': await blob(50) });
    const source = folderOf({
      'a/1.png': await blob(1),
      'a/2.png': await blob(2),
      'b/3.png': await blob(3),
      'b/4.png': await blob(4),
    });
    symlinkSync(outside, join(source, 'c'));
    const input = inputOf(source, await samplesOf(source, { 'a/2.png': { decision: 'reject' } }));
    const to = target();
    const all = tree(source);
    expect((await planExport(input, ask({ to, place: 'move' }))).copied).toBe(4);
    for (const confirmMove of [null, 3, 5])
      await expect(exportSet(input, ask({ to, place: 'move', confirmMove }), quiet())).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringContaining('4'),
      });
    expect(tree(source)).toEqual(all);
    expect(existsSync(to)).toBe(false);
    const result = await exportSet(input, ask({ to, place: 'move', confirmMove: 4 }), quiet());
    expect(result).toMatchObject({
      copied: 4,
      trashed: 3,
      failed: [{ path: 'c/linked.png', message: expect.stringContaining('outside') }],
    });
    expect(Object.keys(tree(source)).sort()).toEqual(['a/2.png', 'c', 'c/linked.png']);
    const moved = ['a/1.png', 'b/3.png', 'b/4.png'].map((path) => all[path]);
    expect(Object.values(tree(to))).toEqual(expect.arrayContaining(moved));
    if (isTrashOurs) expect(Object.values(tree(join(trash, 'Trash', 'files')))).toEqual(expect.arrayContaining(moved));
  });

  test('files that cannot be trashed stay and are reported', async ({ skip }) => {
    if (!isTrashOurs) return skip('the temporary folder has a trash of its own here');
    rmSync(join(trash, 'Trash'), { recursive: true, force: true });
    writeFileSync(join(trash, 'Trash'), 'no folder');
    const source = folderOf({ '1.png': await blob(1), '2.png': await blob(2) });
    const before = times(source);
    const to = target();
    const result = await exportSet(
      inputOf(source, await samplesOf(source)),
      ask({ to, place: 'move', confirmMove: 2 }),
      quiet(),
    );
    rmSync(join(trash, 'Trash'));
    expect(result).toMatchObject({
      copied: 2,
      trashed: 0,
      failed: [{ path: '1.png', message: expect.stringContaining('original stays') }, { path: '2.png' }],
    });
    expect(times(source)).toEqual(before);
    expect(tree(to)).toMatchObject(tree(source));
  });

  test('an interrupted export never writes through a link in its target', async () => {
    const source = folderOf({ '1.png': await blob(1), '2.png': await blob(2) });
    const before = tree(source);
    const to = target();
    const stop = new AbortController();
    await expect(
      exportSet(
        inputOf(source, await samplesOf(source)),
        ask({ to }),
        quiet(stop.signal, () => stop.abort()),
      ),
    ).rejects.toThrow();
    const part = join(dirname(to), '.out.winnow-part', 'set');
    rmSync(join(part, '1.png'), { force: true });
    symlinkSync(join(source, '2.png'), join(part, '1.png'));
    await exportSet(inputOf(source, await samplesOf(source)), ask({ to }), quiet());
    expect(tree(source)).toEqual(before);
    expect(tree(to)).toMatchObject(before);
  });
});

describe('splits', () => {
  const plain = (id: number, name: string | null) =>
    sampleOf(id, `${name}/${id}.png`, { class: name, sha256: `hash ${id}` });
  const set = (sizes: Record<string, number>) =>
    Object.entries(sizes).flatMap(([name, size], c) =>
      Array.from({ length: size }, (_, i) => plain(c * 1000 + i, name)),
    );
  const count = (list: readonly Sample[], assigned: ReadonlyMap<number, string>) =>
    ['train', 'val', 'test'].map((split) => list.filter(({ id }) => assigned.get(id) === split).length);

  test('each class in the requested fractions, in any order; another seed gives another split', () => {
    const list = set({ cat: 100, dog: 40, rare: 10 });
    const assigned = assignSplits(list, [], { train: 8, val: 1, test: 1 }, 1);
    expect(
      count(
        list.filter((sample) => sample.class === 'cat'),
        assigned,
      ),
    ).toEqual([80, 10, 10]);
    expect(
      count(
        list.filter((sample) => sample.class === 'dog'),
        assigned,
      ),
    ).toEqual([32, 4, 4]);
    expect(
      count(
        list.filter((sample) => sample.class === 'rare'),
        assigned,
      ),
    ).toEqual([8, 1, 1]);
    const again = assignSplits(
      [...list].reverse().map((sample) => ({ ...sample, id: sample.id + 7 })),
      [],
      { train: 0.8, val: 0.1, test: 0.1 },
      1,
    );
    expect(list.map(({ id }) => again.get(id + 7))).toEqual(list.map(({ id }) => assigned.get(id)));
    const other = assignSplits(list, [], { train: 8, val: 1, test: 1 }, 2);
    expect(list.filter(({ id }) => other.get(id) !== assigned.get(id)).length).toBeGreaterThan(20);
  });

  test('many small classes keep the fractions of the whole set, and each has training images', () => {
    const list = set(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`class ${i}`, 3])));
    const assigned = assignSplits(list, [], { train: 80, val: 10, test: 10 }, 1);
    expect(count(list, assigned)).toEqual([144, 18, 18]);
    for (let i = 0; i < 60; i++)
      expect(
        count(
          list.filter((sample) => sample.class === `class ${i}`),
          assigned,
        )[0],
      ).toBeGreaterThanOrEqual(1);
  });

  test('duplicates are in one split, also through chains, across classes and through images that are not exported', () => {
    const list = set({ cat: 60, dog: 60 });
    const groups = [
      { ids: [0, 1, 2] },
      { ids: [2, 1003] },
      { ids: [1003, 999_999] },
      { ids: [999_999, 7] },
      ...Array.from({ length: 10 }, (_, i) => ({ ids: [20 + i, 40 + i, 1020 + i] })),
    ];
    list[10] = { ...list[10], sha256: list[11].sha256 };
    for (let seed = 0; seed < 20; seed++) {
      const assigned = assignSplits(list, groups, { train: 50, val: 25, test: 25 }, seed);
      for (const together of [[0, 1, 2, 1003, 7], [10, 11], ...groups.slice(4).map(({ ids }) => ids)])
        expect(new Set(together.map((id) => assigned.get(id))).size).toBe(1);
      expect(count(list, assigned)).toEqual([60, 30, 30]);
    }
  });

  test('fractions that sum to zero are refused', () =>
    expect(() => assignSplits(set({ a: 1 }), [], { train: 0, val: 0, test: 0 }, 1)).toThrow('fractions'));
});

describe('names', () => {
  test('that differ only in case or Unicode form stay distinct', () => {
    const names = new UniqueNames();
    expect(
      [
        'a/X.png',
        'a/x.png',
        'a/x (2).png',
        'A/x.png',
        'a/\u00e9.png',
        'a/e\u0301.png',
        'b',
        'B/1.png',
        'noext',
        'NOEXT',
        '.hidden',
        '.Hidden',
      ].map((path) => names.take(path)),
    ).toEqual([
      'a/X.png',
      'a/x (2).png',
      'a/x (2) (2).png',
      'A (2)/x.png',
      'a/\u00e9.png',
      'a/e\u0301 (2).png',
      'b',
      'B (2)/1.png',
      'noext',
      'NOEXT (2)',
      '.hidden',
      '.Hidden (2)',
    ]);
    const long = `${'ü'.repeat(125)}.png`;
    expect([names.take(long), names.take(long.toUpperCase())].map((name) => Buffer.byteLength(name))).toEqual([
      254, 254,
    ]);
  });

  test('of classes are safe on every disk', () => {
    expect(['a/b', '..', 'nul', 'COM1.x', 'end. ', ' a:b?', '', 'tab\t'].map(safeName)).toEqual([
      'a_b',
      '_',
      '_nul',
      '_COM1.x',
      'end',
      'a_b_',
      '_',
      'tab_',
    ]);
  });

  test('collide in a real export, and the manifest names the image of each', async () => {
    const source = folderOf({
      'one/x.png': await blob(1),
      'two/X.png': await blob(2),
      'two/y.png': await blob(3),
      'three/y.png': await blob(4),
    });
    const samples = await samplesOf(source, {
      'one/x.png': { label: 'a?b' },
      'two/X.png': { label: 'A?B' },
      'two/y.png': { label: 'a/b' },
      'three/y.png': { label: 'a/b' },
    });
    const to = target();
    expect(await exportSet(inputOf(source, samples), ask({ to, format: 'yolo' }), quiet())).toMatchObject({
      copied: 4,
      renamed: 1,
    });
    expect(Object.keys(tree(to)).sort()).toEqual([
      'manifest.csv',
      'manifest.json',
      'train/A_B/X.png',
      'train/a_b (2)/y (2).png',
      'train/a_b (2)/y.png',
      'train/a_b (3)/x.png',
    ]);
    for (const { path, original } of manifestOf(to).samples)
      expect(sha256(join(to, path))).toBe(sha256(join(source, original)));
  });
});

describe('refused exports', () => {
  test('a target inside the folder, also through a link, or one with content, or in a file', async () => {
    const source = folderOf({ '1.png': await blob(1) });
    const input = inputOf(source, await samplesOf(source));
    const beside = temporaryFolder('beside');
    symlinkSync(source, join(beside, 'link'));
    mkdirSync(join(beside, 'empty'));
    symlinkSync(join(beside, 'empty'), join(source, 'out-link'));
    for (const to of [source, join(source, 'out'), join(beside, 'link', 'out')])
      await expect(planExport(input, ask({ to }))).rejects.toMatchObject({ code: 'target-inside-source' });
    writeFileSync(join(beside, 'file.txt'), 'mine');
    await expect(planExport(input, ask({ to: beside }))).rejects.toMatchObject({ code: 'target-not-empty' });
    await expect(planExport(input, ask({ to: join(beside, 'file.txt') }))).rejects.toMatchObject({
      code: 'target-not-empty',
    });
    await expect(planExport(input, ask({ to: join(beside, 'file.txt', 'out') }))).rejects.toMatchObject({
      code: 'target-unwritable',
    });
    await expect(planExport(input, ask({ to: target(), format: 'zip' }))).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('folder, yolo'),
    });
    // A link to an empty folder elsewhere is followed: nothing is written next to the link.
    await exportSet(input, ask({ to: join(source, 'out-link') }), quiet());
    expect(readdirSync(join(beside, 'empty')).sort()).toEqual(['1.png', 'manifest.csv', 'manifest.json']);
    expect(readdirSync(source).sort()).toEqual(['1.png', 'out-link']);
    expect(realpathSync(join(source, 'out-link'))).toBe(realpathSync(join(beside, 'empty')));
  });

  test('a missing folder, a full disk, nothing to export: an error message, and no files are left behind', async () => {
    const source = folderOf({ '1.png': await blob(1) });
    const list = await samplesOf(source);
    const to = target();
    await expect(
      exportSet(
        inputOf(
          source,
          list.map((sample) => ({ ...sample, bytes: 2 ** 60 })),
        ),
        ask({ to }),
        quiet(),
      ),
    ).rejects.toMatchObject({ code: 'disk-full' });
    await expect(exportSet(inputOf(source, list), ask({ to, keptOnly: true }), quiet())).rejects.toMatchObject({
      code: 'no-samples',
    });
    rmSync(join(source, '1.png'));
    await expect(exportSet(inputOf(source, list), ask({ to }), quiet())).rejects.toMatchObject({
      message: expect.stringContaining('gone'),
    });
    rmSync(source, { recursive: true });
    await expect(exportSet(inputOf(source, list), ask({ to }), quiet())).rejects.toMatchObject({ code: 'no-folder' });
    expect(readdirSync(dirname(to))).toEqual([]);
  });

  test('files that changed or vanished since the scan are reported and left out, and keep their marks in the manifest', async () => {
    const source = folderOf({
      'a/1.png': await blob(1),
      'b/2.png': await blob(2),
      'c/3.png': await blob(3),
      'd/4.png': await blob(4),
    });
    const list = await samplesOf(source, { 'b/2.png': { decision: 'keep', reason: 'nice' } });
    writeFileSync(join(source, 'a/1.png'), await blob(9));
    rmSync(join(source, 'b/2.png'));
    const to = target();
    const result: ExportResult = await exportSet(
      inputOf(source, list, { isDropped: ({ path }) => path.startsWith('d/') }),
      ask({ to }),
      quiet(),
    );
    expect(result).toMatchObject({
      copied: 1,
      kept: 0,
      dropped: 1,
      failed: [{ path: 'a/1.png' }, { path: 'b/2.png', code: 'vanished' }],
    });
    expect(readdirSync(to).sort()).toEqual(['c', 'manifest.csv', 'manifest.json']);
    expect(manifestOf(to).leftOut).toMatchObject([
      { path: 'a/1.png', why: 'failed' },
      { path: 'b/2.png', why: 'failed', reason: 'nice' },
      { path: 'd/4.png', why: 'dropped' },
    ]);
  });

  test('another export starts from scratch, and other folders are not touched', async () => {
    const to = target();
    const part = join(dirname(to), '.out.winnow-part');
    const stop = new AbortController();
    await expect(
      exportSet(
        inputOf(folder, samples),
        ask({ to }),
        quiet(stop.signal, () => stop.abort()),
      ),
    ).rejects.toThrow('to resume');
    const first = Object.keys(tree(join(part, 'set')))[0];
    utimesSync(join(part, 'set', first), 1, 1);
    await exportSet(inputOf(folder, samples), ask({ to, format: 'csv' }), quiet());
    expect(statSync(join(to, first)).mtimeMs).not.toBe(1000);
    const other = target();
    mkdirSync(join(dirname(other), '.out.winnow-part', 'set'), { recursive: true });
    writeFileSync(join(dirname(other), '.out.winnow-part', 'mine.txt'), 'mine');
    await expect(exportSet(inputOf(folder, samples), ask({ to: other }), quiet())).rejects.toMatchObject({
      code: 'target-not-empty',
    });
    expect(readdirSync(join(dirname(other), '.out.winnow-part'))).toEqual(['mine.txt', 'set']);
  });
});

test('the manifest names the model and settings of the scores, and contains no times', async () => {
  const run = {
    id: 'pca-1',
    kind: 'rank',
    method: 'pca',
    state: 'done',
    seed: 7,
    trainOn: 'good/*',
    origin: null,
    trainOnBy: 'given',
    trainTags: { added: [], leftOut: [] },
    trained: 12,
    parameters: { sizePx: 32 },
    column: 'pca-1.error',
    createdAt: 1234567890123,
    seconds: 1.5,
    imagesPerSecond: 3,
    peakMemoryMiB: 4,
    backend: 'tensorflow',
    device: 'CPU',
    history: [],
    normals: [],
    epochs: 1,
    report: {},
    notes: [],
    classification: null,
    rangeTest: null,
    search: null,
  } as const;
  const to = target();
  await exportSet(
    inputOf(folder, samples, { runs: [{ ...run, history: [] }] }),
    ask({ to, drop: 'blurry > 0.5', seed: 3 }),
    quiet(),
  );
  expect(manifestOf(to).runs).toEqual([
    {
      id: 'pca-1',
      method: 'pca',
      column: 'pca-1.error',
      seed: 7,
      trainOn: 'good/*',
      trained: 12,
      parameters: { sizePx: 32 },
      backend: 'tensorflow',
    },
  ]);
  expect(readFileSync(join(to, 'manifest.json'), 'utf8')).not.toContain('1234567890');
  expect(readFileSync(join(to, 'manifest.json'), 'utf8')).not.toContain(folder);
});
