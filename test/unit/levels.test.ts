/** Images of measurements get their gray levels by one rule for the whole folder. */
import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { levelsFor, levelsOf, rangeOfValues, stretch } from '../../src-main/image/levels.ts';
import { wrapTiff } from '../../src-main/image/wrap-tiff.ts';
import { scan } from '../../src-main/jobs/scan.ts';
import { RowStore } from '../../src-main/rows/row-store.ts';
import { Database } from '../../src-main/workspace/database.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { Table } from '../../src-main/workspace/table.ts';
import { folderOf, temporaryFolder } from '../fixtures/images.ts';

describe('levels', () => {
  test('of unsigned integers follow the number of bits in use, those of other types the extremes', () => {
    expect(
      levelsOf([
        { kind: 'uint16', low: 12, high: 900 },
        { kind: 'uint16', low: 0, high: 4000 },
        { kind: 'float', low: -2, high: 1 },
        { kind: 'float', low: 0, high: 3 },
      ]),
    ).toEqual({ uint16: [0, 4095], float: [-2, 3] });
    expect(levelsOf([{ kind: 'uint16', low: 0, high: 65535 }])).toEqual({ uint16: [0, 65535] });
    expect(levelsOf([{ kind: 'uint16', low: 0, high: 4096 }])).toEqual({ uint16: [0, 8191] });
    expect(levelsOf([{ kind: 'uint16', low: 0, high: 0 }])).toEqual({ uint16: [0, 1] });
  });

  test('one image has its own, until its folder has some', () => {
    const range = { kind: 'float', low: 1, high: 2 };
    expect(levelsFor(range, {})).toEqual([1, 2]);
    expect(levelsFor(range, { float: [0, 9] })).toEqual([0, 9]);
  });

  test('ignore values that are not finite, which become black', () => {
    const values = Float32Array.of(NaN, -Infinity, 0, 5, 10, Infinity);
    expect(rangeOfValues('float', values)).toEqual({ kind: 'float', low: 0, high: 10 });
    expect([...stretch(values, [0, 10])]).toEqual([0, 0, 0, 128, 255, 0]);
    expect(rangeOfValues('float', Float32Array.of(NaN))).toBeNull();
  });
});

test.each([
  [new Uint8Array([10, 20, 30, 200, 210, 220]), 3],
  [new Uint8Array([10, 200]), 1],
  [new Uint16Array([2570, 51400]), 1],
  [new Uint16Array([2570, 5140, 7710, 65535, 51400, 53970, 56540, 65535]), 4],
] as const)('a wrapped TIFF keeps its samples: %s', async (data, channels) => {
  const isDeep = data.BYTES_PER_ELEMENT === 2;
  const raw = await sharp(wrapTiff({ data, width: 2, height: 1, channels }))
    .toColourspace(channels === 1 ? (isDeep ? 'grey16' : 'b-w') : isDeep ? 'rgb16' : 'srgb')
    .raw({ depth: isDeep ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  expect(raw.info).toMatchObject({ width: 2, height: 1, channels });
  const samples =
    data.BYTES_PER_ELEMENT === 2 ? new Uint16Array(raw.data.buffer, raw.data.byteOffset, data.length) : raw.data;
  expect([...samples]).toEqual([...data]);
});

/** A 16-bit gray TIFF, 64 × 64, from 0 to `most`. */
const ramp = (most: number) =>
  wrapTiff({
    data: Uint16Array.from({ length: 64 * 64 }, (_, i) => Math.round(((i % 64) / 63) * most)),
    width: 64,
    height: 64,
    channels: 1,
  });

test('a brighter image changes the levels of the folder: the others are read again, also after a cancel', async () => {
  const folder = folderOf({ 'a.tif': ramp(1000), 'b.tif': ramp(900) });
  const workspaceFolder = temporaryFolder('workspace');
  const db = new Database(join(workspaceFolder, 'workspace.sqlite'));
  try {
    const table = new Table(db);
    const rows = new RowStore(db, workspaceFolder);
    const stop = new AbortController();
    const report = (onStage: (stage: string) => void, signal = new AbortController().signal): Report => ({
      signal,
      stage: onStage,
      progress: () => {},
      run: () => {},
    });
    const brightness = () => [...table.values('brightness')].slice(1).map((value) => Math.round(value * 100));
    const again = (at: Report) => scan({ folder, workspaceFolder, table, rows }, at);
    await again(report(() => {}));
    const before = brightness();
    expect(before[0]).toBeGreaterThan(40); // 1,000 of 1,023

    writeFileSync(join(folder, 'c.tif'), ramp(4000));
    await expect(
      again(report((stage) => stage === 'Setting levels' && stop.abort(new Error('cancelled')), stop.signal)),
    ).rejects.toThrow('cancelled');
    expect(JSON.parse(table.meta('levels') as string)).toEqual({ uint16: [0, 4095] });

    expect(await again(report(() => {}))).toMatchObject({ found: 3, read: 3 }); // the new one too: it was read with the old levels
    const after = brightness();
    expect(after[0]).toBeLessThan(before[0] / 3); // 1,000 of 4,095
    expect(after[2]).toBeGreaterThan(40);
    expect(await again(report(() => {}))).toMatchObject({ found: 3, read: 0 });
  } finally {
    db.close();
  }
});
