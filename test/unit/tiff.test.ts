/** TIFF of every sample format, compression and layout is read as the program that wrote it meant: files and values are made by `test/fixtures/tiff.py`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeTiff } from '../../src-main/image/decode-tiff.ts';
import written from '../fixtures/tiff.json' with { type: 'json' };

const folder = join(import.meta.dirname, '..', 'fixtures', 'tiff');
const file = (name: string) => readFileSync(join(folder, `${name}.tif`));
const [width, height] = [19, 13];

interface Written {
  file: string;
  dtype: string;
  bands: number;
  shown?: number[];
  times?: number;
}

/** The formula of `tiff.py`. */
function valueAt(dtype: string, x: number, y: number, band: number): number {
  const base = (x * 7 + y * 13 + band * 31) % 200;
  if (dtype.startsWith('float')) return base / 8 - 10;
  const size = Number(dtype.replace(/\D/g, '')) / 8;
  const scale = { 1: 1, 2: 300, 4: 20_000_000, 8: 2 ** 40 }[size]!;
  const offset = dtype.startsWith('int') ? { 1: 100, 2: 30_000, 4: 2_000_000_000, 8: 2 ** 46 }[size]! : 0;
  return base * scale - offset;
}

describe('samples', () => {
  test.each(written as Written[])('$file', async ({ file: name, dtype, bands, shown, times = 1 }) => {
    const raw = await decodeTiff(file(name));
    const used = shown ?? Array.from({ length: bands }, (_, i) => i);
    expect([raw.width, raw.height, raw.channels, raw.frames]).toEqual([width, height, used.length, 1]);
    const expected = Array.from({ length: width * height * used.length }, (_, i) => {
      const pixel = Math.floor(i / used.length);
      return valueAt(dtype, pixel % width, Math.floor(pixel / width), used[i % used.length]) * times;
    });
    expect([...raw.data]).toEqual(expected);
    const kind = dtype.startsWith('float') ? 'float' : dtype;
    const isOrdinary = dtype === 'uint8' ? times === 1 : dtype === 'uint16' && used.length === 3;
    expect(raw.measured).toEqual(isOrdinary ? undefined : { kind: times > 1 ? 'uint16' : kind });
    expect(raw.notice).toBe(
      shown
        ? `${shown.length > 1 ? 'bands' : 'band'} ${shown.map((band) => band + 1).join(', ')} of ${bands}`
        : undefined,
    );
  });
});
