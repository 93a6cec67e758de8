/** The row store: rows are addressed by content, verified when read, computed once, and removed only while unused. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { WinnowError } from '../../src-main/contract/errors.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import { floatBlocks, readFloats, RowReader } from '../../src-main/rows/row-reader.ts';
import { selectRows, type RowSet } from '../../src-main/rows/row-set.ts';
import { RowStore, type RowRecipe, type Rows, type StoreLimits } from '../../src-main/rows/row-store.ts';
import { Database } from '../../src-main/workspace/database.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const open: Database[] = [];
afterEach(() => open.splice(0).forEach((db) => db.close()));

function storeIn(workspaceFolder: string, limits?: Partial<StoreLimits>) {
  const db = new Database(join(workspaceFolder, 'workspace.sqlite'));
  open.push(db);
  return { db, workspaceFolder, store: new RowStore(db, workspaceFolder, limits) };
}
const newStore = (limits?: Partial<StoreLimits>) => storeIn(temporaryFolder('rows'), limits);

const sampleOf = (i: number): Sample =>
  ({ id: i, path: `${i}.png`, sha256: String(i).padStart(64, '0'), bytes: 1 }) as Sample;
const samplesOf = (count: number, from = 0) => Array.from({ length: count }, (_, i) => sampleOf(from + i));

/** Rows of four bytes that identify their sample. */
function recipeOf(settings = 'plain', change: Partial<RowRecipe> = {}) {
  const made: number[] = [];
  const recipe: RowRecipe = {
    kind: 'test',
    settings,
    type: 'uint8',
    shape: [2, 2, 1],
    decode: async ({ id }) => {
      made.push(id);
      await new Promise(setImmediate);
      return Uint8Array.of(id, id >> 8, 7, settings.length);
    },
    ...change,
  };
  return { recipe, made };
}

/** Row of each sample, read back. */
function idsOf({ set }: Rows): number[] {
  const reader = new RowReader(set);
  try {
    const bytes = reader.read(Int32Array.from(set.rows.keys()));
    return Array.from(set.rows, (_, i) => bytes[4 * i] + 256 * bytes[4 * i + 1]);
  } finally {
    reader.close();
  }
}
const idsIn = (samples: readonly Sample[]) => samples.map(({ id }) => id);

describe('rows', () => {
  test('are computed once, also for concurrent requests, and are returned in the requested order', async () => {
    const { store } = newStore();
    const { recipe, made } = recipeOf();
    const [all, some] = await Promise.all([
      store.make(recipe, samplesOf(300)),
      store.make(recipe, samplesOf(20, 290).reverse()),
    ]);
    expect(idsOf(all)).toEqual(idsIn(samplesOf(300)));
    expect(idsOf(some)).toEqual(idsIn(samplesOf(20, 290).reverse()));
    expect(made.sort((a, b) => a - b)).toEqual(idsIn(samplesOf(310)));
    expect(store.count(recipe)).toBe(310);
    const started: number[] = [];
    await store.make(recipe, samplesOf(310), { onStart: (missing) => started.push(missing) });
    expect([started, made.length]).toEqual([[], 310]);
  });

  test('of equal content are stored once', async () => {
    const { store } = newStore();
    const { recipe, made } = recipeOf();
    const twins = [sampleOf(3), { ...sampleOf(3), id: 9, path: 'copy.png' }];
    const { set, samples } = await store.make(recipe, twins);
    expect([...set.rows]).toEqual([0, 0]);
    expect(samples).toEqual(twins);
    expect(made).toEqual([9]);
  });

  test('a file that cannot be read is an issue; an internal error stops the work and keeps finished rows', async () => {
    const { store } = newStore();
    const missing = Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' });
    const { recipe } = recipeOf();
    const breaks = (error: Error, at: number): RowRecipe => ({
      ...recipe,
      decode: (sample) => (sample.id === at ? Promise.reject(error) : recipe.decode(sample)),
    });
    const seen: [number, number][] = [];
    const { samples, issues } = await store.make(breaks(missing, 4), samplesOf(8), {
      onProgress: (...progress) => seen.push(progress),
    });
    expect(issues).toEqual([{ path: '4.png', code: 'vanished', message: expect.any(String) }]);
    expect(idsIn(samples)).toEqual([0, 1, 2, 3, 5, 6, 7]);
    expect(seen).toEqual(Array.from({ length: 8 }, (_, i) => [i + 1, 8]));
    const noMemory = Object.assign(new Error('no memory'), { code: 'ENOMEM' });
    await expect(store.make(breaks(noMemory, 90), samplesOf(100))).rejects.toMatchObject({ code: 'out-of-memory' });
    const kept = await store.known(recipe, samplesOf(100));
    expect(kept.samples.length).toBeGreaterThan(80);
    expect(idsOf(kept)).toEqual(idsIn(kept.samples));
  });

  test('a cancel stops the work and keeps finished rows', async () => {
    const { store } = newStore();
    const { recipe, made } = recipeOf();
    const stop = new AbortController();
    const cancelled = new WinnowError('cancelled', 'Cancelled.');
    const making = store.make(recipe, samplesOf(200), {
      signal: stop.signal,
      onProgress: (done) => done === 50 && stop.abort(cancelled),
    });
    await expect(making).rejects.toBe(cancelled);
    const before = made.length;
    expect(before).toBeLessThan(100);
    expect(idsOf(await store.make(recipe, samplesOf(200)))).toEqual(idsIn(samplesOf(200)));
    expect(made.length).toBe(200);
  });

  test('of pixels, and rows computed from several images at once, use the same loop', async () => {
    const { store } = newStore();
    const pixels = recipeOf();
    const batches: number[] = [];
    const doubled = recipeOf('doubled', {
      type: 'float16',
      shape: [3],
      batch: {
        size: 8,
        async compute(bytes) {
          batches.push(bytes.length / 4);
          await new Promise(setImmediate);
          const rows = Float16Array.from({ length: (bytes.length / 4) * 3 }, (_, at) => {
            const i = Math.floor(at / 3);
            return (bytes[4 * i] + 256 * bytes[4 * i + 1]) * 2 + (at % 3) / 4;
          });
          return new Uint8Array(rows.buffer);
        },
      },
    });
    const samples = samplesOf(60);
    const [plain, computed] = await Promise.all([
      store.make(pixels.recipe, samples),
      store.make(doubled.recipe, samples),
    ]);
    expect(idsOf(plain)).toEqual(idsIn(samples));
    expect(batches.reduce((a, b) => a + b, 0)).toBe(60);
    expect(Math.max(...batches)).toBeLessThanOrEqual(8);
    expect(statSync(computed.set.file).size).toBe(60 * 6);
    expect([...readFloats(computed.set)]).toEqual(samples.flatMap(({ id }) => [2 * id, 2 * id + 0.25, 2 * id + 0.5]));
    expect([...readFloats(computed.set, 1)]).toEqual(samples.map(({ id }) => 2 * id));
    expect([...readFloats(selectRows(computed.set, Int32Array.of(7, 2)), 1)]).toEqual([14, 4]);
    const reader = new RowReader(computed.set);
    expect([...reader.readStarts(Int32Array.of(7, 2), 2)]).toEqual([14, 14.25, 4, 4.25]);
    reader.close();
    expect(computed.set.sha256).toEqual(samples.map(({ sha256 }) => sha256));
    expect(selectRows(computed.set, Int32Array.of(7, 2)).sha256).toEqual([samples[7].sha256, samples[2].sha256]);
  });

  test('of a batch that returns too few are an error, and none of them is indexed', async () => {
    const { store } = newStore();
    const { recipe } = recipeOf('short', {
      batch: { size: 4, compute: (bytes) => Promise.resolve(bytes.subarray(4)) },
    });
    await expect(store.make(recipe, samplesOf(4))).rejects.toThrow('3 rows were made of 4 images');
    expect(store.count(recipe)).toBe(0);
  });
});

describe('a damaged file', () => {
  test('truncated or removed: rows are computed again and never mixed up', async () => {
    const { store } = newStore();
    const { recipe, made } = recipeOf();
    const { set } = await store.make(recipe, samplesOf(30));
    truncateSync(set.file, 4 * 10 + 2);
    expect(() => new RowReader(set)).toThrow(/end before row 29\. Start again/);
    expect(idsOf(await store.make(recipe, samplesOf(30)))).toEqual(idsIn(samplesOf(30)));
    expect(made.length).toBe(50);
    rmSync(set.file);
    expect([...(await store.make(recipe, samplesOf(1, 20))).set.rows]).toEqual([0]);
    expect(idsOf(await store.make(recipe, samplesOf(30)))).toEqual(idsIn(samplesOf(30)));
  });

  test('changed bytes in a row: the reader reports it, and the next request computes it again', async () => {
    const { store } = newStore();
    const { recipe, made } = recipeOf();
    const { set } = await store.make(recipe, samplesOf(10));
    const file = openSync(set.file, 'r+');
    for (const i of [3, 8]) writeSync(file, Uint8Array.of(99), 0, 1, set.rows[i] * 4);
    closeSync(file);
    const reader = new RowReader(set);
    expect([...reader.read(Int32Array.of(2)).subarray(0, 2)]).toEqual([2, 0]);
    expect(() => reader.read(Int32Array.of(2, 3))).toThrow(`Row ${set.rows[3]} in ${set.file} is damaged. Start again`);
    reader.close();
    expect(existsSync(`${set.file}.damaged`)).toBe(true);
    made.length = 0;
    expect(idsOf(await store.make(recipe, samplesOf(10)))).toEqual(idsIn(samplesOf(10)));
    expect(made.sort()).toEqual([3, 8]); // both damaged rows: the one that was read and the other
    expect(existsSync(`${set.file}.damaged`)).toBe(false);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk ends the work in words, and names nothing', async () => {
    const { store, db } = newStore();
    const { recipe } = recipeOf();
    const { set } = await store.make(recipe, samplesOf(1));
    rmSync(set.file);
    symlinkSync('/dev/full', set.file);
    await expect(store.make(recipe, samplesOf(5))).rejects.toMatchObject({ name: 'WinnowError', code: 'disk-full' });
    expect(db.all('SELECT * FROM set_rows')).toEqual([]);
    rmSync(set.file);
    expect(idsOf(await store.make(recipe, samplesOf(5)))).toEqual(idsIn(samplesOf(5)));
  });

  test('too little disk space is reported before any work', async () => {
    const { store } = newStore({ leftBytes: 2 ** 60 });
    const { recipe, made } = recipeOf();
    await expect(store.make(recipe, samplesOf(5))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/^The disk that holds the workspace is full: [\d,]+ MiB are needed/),
    });
    expect(made).toEqual([]);
  });
});

/** Runs a script that imports the store in a separate process; `args` are `process.argv.slice(1)`. */
const source = (name: string) => JSON.stringify(new URL(`../../src-main/${name}`, import.meta.url).href);
const nodeArgs = (script: string, ...args: string[]) => [
  '--disable-warning=ExperimentalWarning',
  '--input-type=module',
  '-e',
  script,
  ...args,
];

describe('a process that is killed', () => {
  test('at any moment leaves only complete rows', async () => {
    const workspaceFolder = temporaryFolder('killed');
    const script = `import { RowStore } from ${source('rows/row-store.ts')};
      import { Database } from ${source('workspace/database.ts')};
      const folder = process.argv[1];
      const store = new RowStore(new Database(folder + '/workspace.sqlite'), folder);
      const recipe = { kind: 'test', settings: 'plain', type: 'uint8', shape: [30000],
        decode: async ({ id }) => { await new Promise((r) => setTimeout(r, 1)); return new Uint8Array(30000).fill(id % 251); } };
      const samples = Array.from({ length: 100000 }, (_, id) => ({ id, path: id + '.png', sha256: String(id).padStart(64, '0') }));
      await store.make(recipe, samples, { onProgress: (done) => done % 100 || console.log(done) });`;
    const child = spawn(process.execPath, nodeArgs(script, workspaceFolder), { stdio: ['ignore', 'pipe', 'inherit'] });
    // Until rows are in the index, which happens about once a second.
    const { store, db } = storeIn(workspaceFolder);
    for await (const _ of child.stdout) if (db.get('SELECT 1 FROM set_rows')) break;
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { recipe } = recipeOf('plain', {
      shape: [30000],
      decode: ({ id }) => Promise.resolve(new Uint8Array(30000).fill(id % 251)),
    });
    const named = store.count(recipe);
    expect(named).toBeGreaterThan(0);
    const file = join(workspaceFolder, db.get<{ file: string }>('SELECT file FROM row_sets')!.file);
    expect(statSync(file).size).toBeGreaterThanOrEqual(named * 30000);
    const rows = await store.make(recipe, samplesOf(named + 500));
    const reader = new RowReader(rows.set);
    for (const positions of reader.blocks(100)) {
      const bytes = reader.read(positions);
      positions.forEach((position, i) =>
        expect(
          bytes.subarray(i * 30000, (i + 1) * 30000).every((value) => value === rows.samples[position].id % 251),
        ).toBe(true),
      );
    }
    reader.close();
    expect(rows.samples).toHaveLength(named + 500);
    expect(new Set(rows.set.rows).size).toBe(named + 500);
  });

  test('between data and index: the rows are not in the index and are not used', async () => {
    const { store } = newStore();
    const { recipe } = recipeOf();
    const { set } = await store.make(recipe, samplesOf(3));
    writeFileSync(set.file, Buffer.concat([readFileSync(set.file), Buffer.alloc(4 * 2 + 1, 0xee)]));
    const after = await store.make(recipe, samplesOf(5));
    expect([...after.set.rows].slice(3).sort()).toEqual([6, 7]);
    expect(idsOf(after)).toEqual(idsIn(samplesOf(5)));
  });
});

describe('disk space', () => {
  const kib = (settings: string, change: Partial<RowRecipe> = {}) =>
    recipeOf(settings, { shape: [1024], decode: () => Promise.resolve(new Uint8Array(1024)), ...change }).recipe;
  const filesIn = (folder: string) => readdirSync(join(folder, 'rows')).map((name) => name.split('-')[1]);

  test('is freed by removing the least recently used sets, never one in use or a protected one', async () => {
    const { store, db, workspaceFolder } = newStore({ mostBytes: 40 * 1024 });
    (await store.make(kib('kept', { isKept: true }), samplesOf(8)))[Symbol.dispose]();
    const used = await store.make(kib('used'), samplesOf(10));
    (await store.make(kib('old'), samplesOf(10)))[Symbol.dispose]();
    (await store.make(kib('new'), samplesOf(10)))[Symbol.dispose]();
    ['kept', 'used', 'old', 'new'].forEach((settings, at) =>
      db.run('UPDATE row_sets SET used_at = ? WHERE settings = ?', at, settings),
    );
    using _next = await store.make(kib('next'), samplesOf(10));
    expect(filesIn(workspaceFolder).sort()).toEqual(['kept', 'new', 'next', 'used']);
    expect(store.count(kib('old'))).toBe(0);
    // A single set may exceed the limit.
    using large = await store.make(kib('large'), samplesOf(60));
    expect(large.samples).toHaveLength(60);
    expect(filesIn(workspaceFolder).sort()).toEqual(['kept', 'large', 'next', 'used']);
    used[Symbol.dispose]();
    (await store.make(kib('last'), samplesOf(1)))[Symbol.dispose]();
    expect(filesIn(workspaceFolder).sort()).toEqual(['kept', 'large', 'last', 'next']);
  });

  test('of a removed set is freed; computed again, the set has another file', async () => {
    const { store } = newStore({ mostBytes: 1024 });
    const first = await store.make(kib('one'), samplesOf(1));
    first[Symbol.dispose]();
    (await store.make(kib('two'), samplesOf(1)))[Symbol.dispose]();
    expect(existsSync(first.set.file)).toBe(false);
    const again = await store.make(kib('one'), samplesOf(1));
    expect(again.set.file).not.toBe(first.set.file);
  });

  test('of unreferenced files is freed when the workspace opens', async () => {
    const made = newStore();
    const { set } = await made.store.make(recipeOf().recipe, samplesOf(3));
    for (const name of ['test-lost-1.f32', 'test-lost-1.f32.damaged', 'notes.txt'])
      writeFileSync(join(made.workspaceFolder, 'rows', name), 'x');
    const again = storeIn(made.workspaceFolder);
    expect(
      readdirSync(join(made.workspaceFolder, 'rows'))
        .map((name) => join(made.workspaceFolder, 'rows', name))
        .sort(),
    ).toEqual([join(made.workspaceFolder, 'rows', 'notes.txt'), set.file].sort());
    expect(idsOf(await again.store.make(recipeOf().recipe, samplesOf(3)))).toEqual([0, 1, 2]);
  });
});

describe('sets of the previous version', () => {
  test('are used in place, and get checksums on first use', async () => {
    const { db, workspaceFolder } = newStore();
    mkdirSync(join(workspaceFolder, 'embeddings'));
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    writeFileSync(join(workspaceFolder, 'embeddings', 'net@1234.f32'), new Uint8Array(values.buffer));
    const { id } = db.run(
      "INSERT INTO row_sets (kind, settings, file, is_kept, used_at) VALUES ('embeddings', 'net@1234', 'embeddings/net@1234.f32', 1, 0)",
    );
    for (const i of [0, 1, 2, 3])
      db.run('INSERT INTO set_rows (set_id, sha256, row, checksum) VALUES (?, ?, ?, NULL)', id, sampleOf(i).sha256, i);
    const store = new RowStore(db, workspaceFolder);
    const recipe: RowRecipe = {
      kind: 'embeddings',
      settings: 'net@1234',
      type: 'float32',
      shape: [2],
      decode: () => Promise.resolve(new Uint8Array(Float32Array.of(7, 8).buffer)),
    };
    const { set } = await store.make(recipe, samplesOf(4)); // the fourth row was beyond the end of the file
    expect([...readFloats(set)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...set.checksums!]).toEqual(
      [0, 1, 2]
        .map((i) => crc32(new Uint8Array(values.buffer, 8 * i, 8)))
        .concat(crc32(new Uint8Array(Float32Array.of(7, 8).buffer))),
    );
  });
});

describe('rows larger than memory', () => {
  test('are read in blocks', () => {
    // 300 feature maps of patches, 273 MiB, in a sparse file.
    const file = join(temporaryFolder('large'), 'patches.f16');
    const shape = [56, 56, 152];
    const rowBytes = 56 * 56 * 152 * 2;
    const handle = openSync(file, 'w');
    ftruncateSync(handle, 300 * rowBytes);
    for (let row = 0; row < 300; row++)
      writeSync(handle, new Uint8Array(Float16Array.of(row).buffer), 0, 2, row * rowBytes + 2 * 56);
    closeSync(handle);
    const set: RowSet = { file, type: 'float16', shape, rows: Int32Array.from({ length: 300 }, (_, i) => 299 - i) };
    const script = `import { floatBlocks } from ${source('rows/row-reader.ts')};
      const set = { ...JSON.parse(process.argv[1]), rows: Int32Array.from({ length: 300 }, (_, i) => 299 - i) };
      const before = process.resourceUsage().maxRSS;
      const values = [];
      for (const { values: block } of floatBlocks(set)) for (let at = 56; at < block.length; at += 56 * 56 * 152) { values.push(block[at]); globalThis.gc(); }
      console.log(JSON.stringify({ values, grownMiB: (process.resourceUsage().maxRSS - before) / 1024 }));`;
    const output = execFileSync(
      process.execPath,
      ['--expose-gc', ...nodeArgs(script, JSON.stringify({ file, type: set.type, shape }))],
      {
        encoding: 'utf8',
      },
    );
    const { values, grownMiB } = JSON.parse(output) as { values: number[]; grownMiB: number };
    expect(values).toEqual(Array.from(set.rows));
    expect(grownMiB).toBeLessThan(150); // a block of 16 MiB, its numbers at twice the size, and garbage that is not collected yet
    const [first] = floatBlocks(selectRows(set, Int32Array.of(299)), 57);
    expect([first.from, first.values.length, first.values[56]]).toEqual([0, 57, 0]);
  });
});
