/** Marks from files of other programs and people: which image a row refers to, what it changes, and the errors of malformed files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Marks, Sample } from '../../src-main/contract/types.ts';
import { importMarks } from '../../src-main/workspace/import.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { sampleOf } from '../fixtures/samples.ts';

const imageOf = (path: string, i: number, marks: Partial<Marks> = {}) =>
  sampleOf(i + 1, path, { sha256: `hash-${i + 1}`, ...marks });
const samples = [
  'cat/1.jpg',
  'cat/2.jpg',
  'dog/1.jpg',
  'dog/only.jpg',
  'top.jpg',
  'a, b/"q".jpg',
  'Caf\u00e9/x.jpg',
].map((path, i) => imageOf(path, i));
const idOf = (path: string) => samples.find((sample) => sample.path === path)?.id as number;

function file(content: string | Uint8Array, name = 'marks.csv'): string {
  const path = join(temporaryFolder('import'), name);
  writeFileSync(path, content);
  return path;
}
const read = async (content: string | Uint8Array, name?: string, list: readonly Sample[] = samples) => {
  const { result, marks } = await importMarks(file(content, name), list);
  return {
    ...result,
    marks: Object.fromEntries(marks.map(([id, patch]) => [list.find((sample) => sample.id === id)?.path, patch])),
  };
};

describe('tables', () => {
  test('all columns, in quotes, with line breaks inside', async () => {
    expect(
      await read(
        'path,decision,reason,tags,label,note\r\ncat/1.jpg,reject,"too ""dark""","b; a",dog,"one\r\ntwo"\r\n"a, b/""q"".jpg",keep,,,,\r\n',
      ),
    ).toEqual({
      rows: 2,
      matched: 2,
      changed: 2,
      unmatched: [],
      notes: [],
      marks: {
        'cat/1.jpg': { decision: 'reject', reason: 'too "dark"', tags: ['a', 'b'], label: 'dog', note: 'one\r\ntwo' },
        'a, b/"q".jpg': { decision: 'keep' },
      },
    });
  });

  test.each([
    ['a byte order mark', '\ufeffpath,decision\ncat/1.jpg,keep\n'],
    ['semicolons', 'path;decision;tags\ncat/1.jpg;keep;"a;b"\n'],
    ['tabs', 'path\tdecision\ncat/1.jpg\tkeep'],
    ['capitals and spaces in the head', ' File , Decision \ncat/1.jpg,KEEP\n'],
    ['yes and no', 'filename,keep\ncat/1.jpg,yes\n'],
    ['empty lines', 'image,decision\n\ncat/1.jpg,kept\n\n'],
    ['UTF-16, as spreadsheets write it', Buffer.from('\ufeffpath\tdecision\r\ncat/1.jpg\tkeep\r\n', 'utf16le')],
  ])('with %s', async (_, content) => {
    const { marks, rows } = await read(content);
    expect(rows).toBe(1);
    expect(marks['cat/1.jpg']).toMatchObject({ decision: 'keep' });
  });

  test('only present columns change anything; an empty cell clears', async () => {
    const list = [
      imageOf('cat/1.jpg', 0, { decision: 'reject', reason: 'dark', tags: ['x'], label: 'dog', note: 'n' }),
      imageOf('cat/2.jpg', 1, { decision: 'reject', reason: 'dark' }),
    ];
    expect((await read('path,note\ncat/1.jpg,\n', 'a.csv', list)).marks).toEqual({ 'cat/1.jpg': { note: null } });
    expect((await read('path,tags,label\ncat/1.jpg,"y,x",cat\n', 'a.csv', list)).marks).toEqual({
      'cat/1.jpg': { tags: ['x', 'y'], label: null },
    });
    // A changed decision drops the former reason; an unchanged one keeps it.
    expect(await read('path,decision\ncat/1.jpg,keep\ncat/2.jpg,reject\n', 'a.csv', list)).toMatchObject({
      matched: 2,
      changed: 1,
      marks: { 'cat/1.jpg': { decision: 'keep', reason: null } },
    });
    expect((await read('path,decision\ncat/1.jpg,\n', 'a.csv', list)).marks).toEqual({
      'cat/1.jpg': { decision: null, reason: null },
    });
    expect(await read('path,decision,reason\ncat/1.jpg,reject,dark\n', 'a.csv', list)).toMatchObject({
      matched: 1,
      changed: 0,
      marks: {},
    });
  });

  test('a class equal to the folder’s is not a label; several rows about one image are combined', async () => {
    expect((await read('path,class\ncat/1.jpg,cat\ndog/1.jpg,wolf\ntop.jpg,\n')).marks).toEqual({
      'dog/1.jpg': { label: 'wolf' },
    });
    expect(
      (await read('{"path":"cat/1.jpg","note":"a"}\n{"path":"cat/1.jpg","decision":"keep"}\n', 'a.jsonl')).marks,
    ).toEqual({ 'cat/1.jpg': { note: 'a', decision: 'keep' } });
  });

  test.each([
    ['two columns of one name', 'path,label,Label \ncat/1.jpg,a,b\n', 'two columns with the name label'],
    ['a table without rows', 'path,label\n', 'no rows'],
    ['a row without a head', 'cat/1.jpg,lynx', 'a row already'],
    ['an XML annotation', '<annotation><filename>1.jpg</filename></annotation>', 'XML'],
    ['UTF-16 without its mark', Buffer.from('path,label\ncat/1.jpg,a\n', 'utf16le'), 'byte order mark'],
    ['columns that say nothing', 'path,foo,bar\ncat/1.jpg,a,b\n', 'The columns foo, bar are not used'],
    ['a list of paths', 'path\ncat/1.jpg\n', 'says nothing about them'],
    ['no image column', 'name,decision\ncat/1.jpg,keep\n', 'Line 1'],
    ['a decision that is none', 'path,decision\ncat/1.jpg,keep\ncat/2.jpg,maybe\n', 'Line 3'],
    ['too many cells', 'path,decision\ncat/1.jpg,keep\ncat/2.jpg,keep,more\n', 'Line 3'],
    ['a quote that does not end', 'path,decision\n"cat/1.jpg,keep\n', 'Line '],
    ['a row without a name', 'path,decision\ncat/1.jpg,keep\n,keep\n', 'Line 3'],
    ['a tag that is too long', `path,tags\ncat/1.jpg,${'x'.repeat(101)}\n`, 'Line 2'],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('path,note\ncat/1.jpg,'), Buffer.from([0xe9]), Buffer.from('\n')]),
      'Line 2',
    ],
    ['nothing', '', 'empty'],
  ])('%s is reported with its line', async (_, content, where) => {
    await expect(read(content)).rejects.toMatchObject({ code: 'bad-request', message: expect.stringContaining(where) });
  });
});

test('columns that are not used are named, with those that are', async () => {
  const { notes, changed } = await read('path,label,foo,bar\ncat/1.jpg,lynx,1,2\n');
  expect(changed).toBe(1);
  expect(notes).toEqual([
    expect.stringMatching(/^The columns foo, bar are not used\. Marks are read from .*label.*note/),
  ]);
  const many = Array.from({ length: 9 }, (_, i) => `c${i}`);
  expect((await read(`path,label,${many.join()}\ncat/1.jpg,lynx,${many.join()}\n`)).notes[0]).toContain(
    'and 3 more are',
  );
  expect((await read('{"path":"cat/1.jpg","note":"x","score":1}', 'a.jsonl')).notes[0]).toContain(
    'The column score is',
  );
});

describe('COCO that contradicts itself is refused', () => {
  const category = { id: 1, name: 'lynx' };
  const annotation = { id: 5, image_id: 1, category_id: 1 };
  const images = [{ id: 1, file_name: 'cat/1.jpg' }];
  const good = { images, annotations: [annotation], categories: [category] };
  test.each([
    [
      'one id, two images',
      { images: [...images, { id: 1, file_name: 'dog/1.jpg' }] },
      /Images 1 and 2 .* same id 1: cat\/1\.jpg and dog\/1\.jpg/,
    ],
    [
      'one image, two ids',
      { images: [...images, { id: 2, file_name: 'cat/1.jpg' }] },
      /same file_name cat\/1\.jpg, but the ids 1 and 2/,
    ],
    ['an unknown image', { annotations: [{ ...annotation, image_id: 9 }] }, /Annotation 1 .*id 5.* image_id 9/],
    ['no image', { annotations: [{ id: 5, category_id: 1 }] }, /no image_id/],
    ['an unknown category', { annotations: [{ ...annotation, category_id: 7 }] }, /category_id 7/],
    ['no category', { annotations: [{ id: 5, image_id: 1 }] }, /Annotation 1 .*no category_id/],
    ['one category id, two names', { categories: [category, { id: 1, name: 'wolf' }] }, /id 1: lynx and wolf/],
    ['a category without a name', { categories: [{ id: 1 }] }, /id 1\) has no name/],
    ['no annotations', { annotations: [] }, /says nothing/],
    ['no images', { images: [], annotations: [] }, /lists no images/],
  ])('%s', async (_, change, message) => {
    const error: unknown = await read(JSON.stringify({ ...good, ...change }), 'a.json').catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'bad-request', message: expect.stringMatching(message) as string });
    expect((error as Error).message).not.toContain('undefined');
  });

  test('but the same entry twice is harmless', async () => {
    const { marks } = await read(JSON.stringify({ ...good, images: [...images, ...images] }), 'a.json');
    expect(marks).toEqual({ 'cat/1.jpg': { label: 'lynx' } });
  });
});

describe('JSON', () => {
  test('lines, with tags as a list; also under another name', async () => {
    const lines =
      '{"path":"cat/1.jpg","decision":"reject","tags":["b","a"],"extra":{}}\r\n\r\n{"image":"dog/1.jpg","keep":true}\r\n';
    for (const name of ['marks.jsonl', 'marks.json', 'marks.txt']) {
      expect((await read(lines, name)).marks).toEqual({
        'cat/1.jpg': { decision: 'reject', tags: ['a', 'b'] },
        'dog/1.jpg': { decision: 'keep' },
      });
    }
    expect((await read('[{"file":"cat/1.jpg","note":"x"}]', 'a.json')).marks).toEqual({ 'cat/1.jpg': { note: 'x' } });
  });

  test('COCO: the category of an image’s boxes becomes the label, unless there are several', async () => {
    const coco = {
      images: [
        { id: 7, file_name: 'cat/1.jpg' },
        { id: 8, file_name: 'images/cat/2.jpg' },
        { id: 9, file_name: 'dog/1.jpg' },
        { id: 10, file_name: 'gone.jpg' },
      ],
      annotations: [
        { id: 1, image_id: 7, category_id: 2 },
        { id: 2, image_id: 7, category_id: 2 },
        { id: 3, image_id: 8, category_id: 1 },
        { id: 4, image_id: 8, category_id: 2 },
      ],
      categories: [
        { id: 1, name: 'cat' },
        { id: 2, name: 'lynx' },
      ],
    };
    expect(await read(JSON.stringify(coco), 'a.json')).toEqual({
      rows: 4,
      matched: 3,
      changed: 1,
      unmatched: ['gone.jpg'],
      notes: [],
      marks: { 'cat/1.jpg': { label: 'lynx' } },
    });
    await expect(read(JSON.stringify({ ...coco, categories: [] }), 'a.json')).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('Annotation 1'),
    });
  });

  test.each([
    ['a line that is cut', '{"path":"cat/1.jpg"}\n{"path":"cat', 'a.jsonl', 'Line 2'],
    ['a document that is cut', '{\n "images": [\n  {"id": 1,', 'a.json', 'Line 3'],
    ['a list where an object belongs', '{"path":"cat/1.jpg"}\n[1]\n', 'a.jsonl', 'Line 2'],
    ['something else', '{"hello": 1}', 'a.json', 'a.json cannot be imported'],
    ['a manifest without samples', '{"schema":"winnow/manifest@2"}', 'a.json', 'samples'],
    [
      'a manifest with a wrong decision',
      '{"schema":"winnow/manifest@2","samples":[{"path":"cat/1.jpg","decision":"yes"}]}',
      'a.json',
      'Entry 1',
    ],
  ])('%s is reported', async (_, content, name, where) => {
    await expect(read(content, name)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining(where),
    });
  });

  test('the manifest of the first version', async () => {
    const manifest = {
      schema: 'winnow/manifest@1',
      samples: [
        { path: 'cat/1.jpg', class: 'cat', decision: 'keep', sha256: 'hash-1', scores: {} },
        { path: 'cat/2.jpg', class: 'cat', decision: 'undecided' },
      ],
    };
    expect((await read(JSON.stringify(manifest), 'manifest.json')).marks).toEqual({
      'cat/1.jpg': { decision: 'keep' },
    });
  });

  test('a missing file', async () => {
    await expect(importMarks(join(temporaryFolder('import'), 'none.csv'), samples)).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('none.csv'),
    });
  });
});

describe('which image a row means', () => {
  const only = async (rows: string[], list = samples) => {
    const { marks, unmatched } = await read(`path,note\n${rows.map((row) => `${row},x`).join('\n')}\n`, 'a.csv', list);
    return { marked: Object.keys(marks), unmatched };
  };

  test('by path, also with the separators of another system', async () => {
    expect((await only(['cat/1.jpg', './dog/1.jpg', 'cat\\2.jpg', 'Cafe\u0301/x.jpg'])).marked.sort()).toEqual([
      'Caf\u00e9/x.jpg',
      'cat/1.jpg',
      'cat/2.jpg',
      'dog/1.jpg',
    ]);
  });

  test('by an absolute path of another machine, relative to the folder that most paths share', async () => {
    expect(
      await only([
        '/home/me/set/cat/1.jpg',
        '/home/me/set/dog/1.jpg',
        '/home/me/set/top.jpg',
        '/home/me/set/gone/top.jpg',
        '/home/me/set/dog/2.jpg',
      ]),
    ).toEqual({
      marked: ['cat/1.jpg', 'dog/1.jpg', 'top.jpg'],
      unmatched: ['/home/me/set/gone/top.jpg', '/home/me/set/dog/2.jpg'],
    });
    expect((await only(['C:\\sets\\mine\\cat\\1.jpg'])).marked).toEqual(['cat/1.jpg']);
  });

  test('by a partial path or a file name, if it is unique', async () => {
    expect((await only(['set/images/cat/1.jpg'])).marked).toEqual(['cat/1.jpg']);
    const deep = ['train/cat/1.jpg', 'train/dog/1.jpg', 'val/cat/3.jpg'].map((path, i) => imageOf(path, i));
    expect(await only(['dog/1.jpg', '3.jpg', '1.jpg', 'elsewhere/1.jpg'], deep)).toEqual({
      marked: ['train/dog/1.jpg', 'val/cat/3.jpg'],
      unmatched: ['1.jpg', 'elsewhere/1.jpg'],
    });
    expect((await only(['only.jpg'])).marked).toEqual(['dog/only.jpg']);
    // Images that were moved to other folders match by name, unless the file contains paths of this folder.
    expect((await only(['else/only.jpg'])).marked).toEqual(['dog/only.jpg']);
    expect(await only(['cat/1.jpg', 'else/only.jpg'])).toEqual({ marked: ['cat/1.jpg'], unmatched: ['else/only.jpg'] });
    // Two rows with the same name cannot both mean one image.
    expect(await only(['x/only.jpg', 'y/only.jpg'])).toEqual({ marked: [], unmatched: ['x/only.jpg', 'y/only.jpg'] });
  });

  test('by content if the image was renamed, even if another one has its name now', async () => {
    const row = (path: string, id: number) => JSON.stringify({ path, sha256: `hash-${id}`, note: 'x' });
    expect(Object.keys((await read(row('was/elsewhere.jpg', idOf('dog/1.jpg')), 'a.jsonl')).marks)).toEqual([
      'dog/1.jpg',
    ]);
    expect(Object.keys((await read(row('cat/1.jpg', idOf('cat/2.jpg')), 'a.jsonl')).marks)).toEqual(['cat/2.jpg']);
    expect(Object.keys((await read(row('cat/1.jpg', 999), 'a.jsonl')).marks)).toEqual(['cat/1.jpg']);
    const copies = [imageOf('a/1.jpg', 0), { ...imageOf('b/2.jpg', 1), sha256: 'hash-1' }];
    expect(Object.keys((await read(row('b/2.jpg', 1), 'a.jsonl', copies)).marks)).toEqual(['b/2.jpg']);
    expect((await read(row('gone/x.jpg', 1), 'a.jsonl', copies)).unmatched).toEqual(['gone/x.jpg']);
  });

  test('at most a hundred unmatched rows are reported', async () => {
    const { unmatched, rows, matched } = await read(
      `path,note\n${Array.from({ length: 150 }, (_, i) => `no/${i}.png,x`).join('\n')}\n`,
    );
    expect([unmatched.length, rows, matched]).toEqual([100, 150, 0]);
  });
});
