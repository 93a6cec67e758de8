/** Stored pixel rows are complete, and files that could temporarily not be read are tried again. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterEach, describe, expect, test } from 'vitest';
import { RowFile } from '../../src-main/rows/row-file.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { findImages } from '../../src-main/image/find.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { RowStore } from '../../src-main/rows/row-store.ts';
import { Database } from '../../src-main/workspace/database.ts';
import { Groups } from '../../src-main/workspace/groups.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { pixelRecipe } from '../../src-main/jobs/pixels.ts';
import { scan } from '../../src-main/jobs/scan.ts';
import { Settings } from '../../src-main/workspace/settings.ts';
import { Table } from '../../src-main/workspace/table.ts';
import { psd } from '../fixtures/formats.ts';
import { blob, blobFolder, folderOf, quarters, temporaryFolder } from '../fixtures/images.ts';

const report: Report = { signal: new AbortController().signal, stage: () => {}, progress: () => {}, run: () => {} };
const open: Database[] = [];
afterEach(() => open.splice(0).forEach((db) => db.close()));

async function scanned(folder: string) {
  const workspaceFolder = temporaryFolder('workspace');
  const db = new Database(join(workspaceFolder, 'workspace.sqlite'));
  open.push(db);
  const table = new Table(db);
  const rows = new RowStore(db, workspaceFolder);
  await scan({ folder, workspaceFolder, table, rows }, report);
  return { folder, workspaceFolder, db, table, rows };
}

describe('rows of pixels', () => {
  const pack = ({ folder, rows, table }: Awaited<ReturnType<typeof scanned>>, samples = table.samples()) =>
    rows.make(pixelRecipe(folder, { sizePx: 16 }), samples);
  const isRight = async (
    made: Awaited<ReturnType<typeof scanned>>,
    { set, samples }: Awaited<ReturnType<typeof pack>>,
  ) => {
    const bytes = readFileSync(set.file);
    for (const [i, { path }] of samples.entries()) {
      const row = await makeRow(await openImage(readFileSync(join(made.folder, path)), path), 16);
      expect(bytes.subarray(set.rows[i] * 768, set.rows[i] * 768 + 768).equals(row), path).toBe(true);
    }
  };

  test.skipIf(process.platform === 'win32')('are indexed only when complete: an incomplete write is an error', () => {
    const file = join(temporaryFolder('rows'), 'rows');
    // The shell's limit truncates a write, like a nearly full disk.
    const script = `import { RowFile } from ${JSON.stringify(new URL('../../src-main/rows/row-file.ts', import.meta.url).href)};
      const rows = RowFile.open(process.argv[1], 3000);
      try { for (;;) console.log(rows.add(new Uint8Array(3000).fill(7))); } catch (error) { console.log(error.name, error.message); }`;
    const output = execFileSync(
      'bash',
      [
        '-c',
        'ulimit -f 10; exec "$0" --disable-warning=ExperimentalWarning --input-type=module -e "$1" "$2"',
        process.execPath,
        script,
        file,
      ],
      { encoding: 'utf8' },
    );
    const named = output.split('\n').filter((line) => /^\d+$/.test(line)).length;
    expect(named).toBe(3); // 10 KiB
    expect(output).toMatch(/WinnowError .*workspace/);
    expect(statSync(file).size).toBeGreaterThan(named * 3000);
    const again = RowFile.open(file, 3000);
    expect([again.completeRows, again.add(new Uint8Array(6000)), again.add(new Uint8Array(3000))]).toEqual([3, 4, 6]);
    again.close();
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk fail with a message, and are not indexed', async () => {
    const made = await scanned(folderOf({ '1.png': await blob(1) }));
    const { file } = (await pack(made)).set;
    rmSync(file);
    symlinkSync('/dev/full', file);
    await expect(pack(made)).rejects.toMatchObject({
      name: 'WinnowError',
      code: 'disk-full',
      message: expect.stringContaining('disk that holds the workspace is full'),
    });
    expect(made.db.all('SELECT * FROM set_rows')).toEqual([]);
    rmSync(file);
    expect((await pack(made)).issues).toEqual([]);
  });

  test('beyond the end of a truncated or deleted file are computed again and never mixed up', async () => {
    const made = await scanned(await blobFolder());
    const { file } = (await pack(made)).set;
    truncateSync(file, 768 * 10 + 100);
    await isRight(made, await pack(made));
    rmSync(file);
    const one = await pack(made, made.table.samples().slice(-1));
    expect(one.set.rows).toEqual(Int32Array.of(0));
    const all = await pack(made);
    expect(new Set(all.set.rows).size).toBe(25);
    await isRight(made, all);
  });
});

test('a file that could temporarily not be read is checked again for equal pixels', async () => {
  const png = await blob(1, true);
  const made = await scanned(
    folderOf({ '1.png': png, '2.png': await sharp(png).png({ compressionLevel: 1 }).toBuffer() }),
  );
  const groups = new Groups(made.db, made.table, new Settings(made.db));
  const kinds = () => groups.list().map(({ kind }) => kind);
  const away = join(temporaryFolder('away'), '2.png');
  renameSync(join(made.folder, '2.png'), away);
  expect(await groups.find(made.folder, made.workspaceFolder, report)).toBe(false);
  expect(kinds()).not.toContain('exact');
  renameSync(away, join(made.folder, '2.png'));
  expect(await groups.find(made.folder, made.workspaceFolder, report)).toBe(true);
  expect(kinds()).toContain('exact');
});

describe('a fourth channel of a Photoshop file', () => {
  /** The fixture's picture with an additional channel of zeros; `layers` is the content of its layer section. */
  const withChannel = (layers: Buffer) => {
    const plain = psd(false);
    const head = Buffer.from(plain.subarray(0, 34));
    head.writeUInt16BE(4, 12);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(layers.length);
    return Buffer.concat([head, length, layers, plain.subarray(38), Buffer.alloc(12 * 8)]);
  };
  const info = (count: number) => {
    const bytes = Buffer.alloc(10);
    bytes.writeUInt32BE(2);
    bytes.writeInt16BE(count, 4);
    return bytes;
  };
  const block = (key: string, content = Buffer.alloc(0)) => {
    const bytes = Buffer.alloc(8 + 12);
    bytes.write(`8BIM${key}`, 8);
    bytes.writeUInt32BE(content.length, 16);
    return Buffer.concat([bytes, content, Buffer.alloc(4)]);
  };
  const corner = async (bytes: Buffer) => [...(await makeRow(await openImage(bytes, 'x.psd'), 16)).subarray(0, 3)];

  test.each([
    ['no layers', Buffer.alloc(0)],
    ['one layer', info(1)],
    ['layers of 16 bits', block('Lr16', Buffer.of(0, 1))],
  ])('is no transparency with %s', async (_, layers) => expect(await corner(withChannel(layers))).toEqual([255, 0, 0]));
  test.each([
    ['a negative number of layers', info(-1)],
    ['a mark of its own', block('Mtrn')],
    ['a negative number of layers of 16 bits', block('Lr16', Buffer.of(0xff, 0xff))],
  ])('is with %s', async (_, layers) => expect(await corner(withChannel(layers))).toEqual([255, 255, 255])); // composed on white
});

test('a thread of decoders answers each file with its samples or its fault', async () => {
  const worker = new Worker(new URL('../../src-main/image/decode-worker.ts', import.meta.url), {
    stdout: true,
    stderr: true,
    execArgv: [],
  });
  try {
    for (const [text, answer] of [
      ['P5 1 1 255\nx', { raw: { data: Uint8Array.of(120), width: 1, height: 1 } }],
      ['P5 no image', { fault: { decode: 'corrupt' } }],
      ['P5 1 1 255\ny', { raw: { data: Uint8Array.of(121) } }],
    ] as const) {
      worker.postMessage({ format: 'pnm', bytes: Buffer.from(text) });
      expect(await once(worker, 'message')).toMatchObject([answer]);
    }
  } finally {
    await worker.terminate();
  }
});

describe.runIf(process.platform === 'linux')('names that are not text', () => {
  test('are reported, one row each, and other files are found', async () => {
    const png = await quarters();
    const folder = folderOf({
      'good.png': png,
      '\uFFFD.png': png,
      '\uFFFDff.png': png,
      'a/good.png': png,
      'new\nline \x1b[31m.png': png,
    });
    const raw = (...parts: (string | number)[]) =>
      Buffer.concat([
        Buffer.from(`${folder}/`),
        ...parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))),
      ]);
    for (const name of [raw(0xff, '.png'), raw(0xfe, '.png'), raw('a/ü', 0xc3, '.png'), raw(0xff, '.txt')])
      writeFileSync(name, png);
    mkdirSync(raw('folder', 0xff));
    writeFileSync(raw('folder', 0xff, '/inside.png'), png);
    const issues: { path: string; code: string; message: string }[] = [];
    const paths: string[] = [];
    for await (const { path } of findImages(folder, {
      signal: report.signal,
      onIssue: (issue) => issues.push(issue),
      isKnown: () => false,
    }))
      paths.push(path);
    expect(paths.sort()).toEqual(
      ['\uFFFD.png', '\uFFFDff.png', 'a/good.png', 'good.png', 'new\nline \x1b[31m.png'].sort(),
    );
    expect(issues.map(({ path }) => path).sort()).toEqual(
      ['\uFFFDfe.png', '\uFFFDff.png\uFFFD', 'a/ü\uFFFDc3.png', 'folder\uFFFDff'].sort(),
    );
    expect(
      issues.filter(({ message }) => !/^The (file|folder)’s name is not valid UTF-8\. Rename it/.test(message)),
    ).toEqual([]);
    const { table } = await scanned(folder);
    expect(table.count()).toEqual({ samples: 5, issues: 4 });
  });

  test('a small file named like a macOS attribute file is not an error', async () => {
    const folder = folderOf({ '._x.jpg': 'no', '1.png': await blob(1) });
    const { table } = await scanned(folder);
    expect(table.issues()).toEqual([{ path: '._x.jpg', code: 'not-an-image', message: expect.any(String) }]);
  });
});
