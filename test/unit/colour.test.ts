/**
 * Every format, depth and profile is brought to sRGB as Pillow's ImageCms does (relative colorimetric). The files and the right colours are made by `test/fixtures/colour.py`;
 * the test prints the largest difference of each as a table.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { openImage, takePixels } from '../../src-main/image/decode.ts';
import { inSrgb } from '../../src-main/image/profile-matrix.ts';
import { profileOfCicp, profileOfGamma } from '../../src-main/image/profile.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'colour');
const right = JSON.parse(readFileSync(join(folder, '..', 'colour.json'), 'utf8')) as Record<string, number[][]>;
const table: Record<string, Record<string, number>> = {};
afterAll(() => console.table(table));

/** The colours in the middle of the four columns. */
async function columnsOf(file: string) {
  const path = join(folder, file);
  const { data, info } = await takePixels(await openImage(readFileSync(path), path), (pipeline) => pipeline);
  return [0, 1, 2, 3].map((i) => {
    const at = ((info.height >> 1) * info.width + Math.floor(((i + 0.5) * info.width) / 4)) * info.channels;
    return [0, 1, 2].map((c) => data[at + (info.channels < 3 ? 0 : c)]);
  });
}

test.for(Object.entries(right))('%s', async ([file, colours]) => {
  const found = await columnsOf(file);
  const far = Math.max(...found.flatMap((colour, i) => colour.map((value, c) => Math.abs(value - colours[i][c]))));
  const [, profile, depth, format] = /(\w+)-(\d+)\.(\w+)/.exec(file) as string[];
  (table[`${format} ${depth} bit`] ??= {})[profile] = far;
  const isLossy = ['jpg', 'avif', 'heic'].includes(format);
  expect(far, `${JSON.stringify(found)} for ${JSON.stringify(colours)}`).toBeLessThanOrEqual(isLossy ? 8 : 1);
});

test('deep samples with a linear profile keep their dark levels, and parametric curves are applied', () => {
  const shape = { width: 65_536, height: 1, channels: 1 } as const;
  const ramp = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const levels = inSrgb({ ...shape, data: ramp, profile: profileOfGamma(null, 1, true) });
  expect([levels.channels, levels.profile, levels.data.length]).toEqual([3, undefined, 3 * 65_536]);
  const encoded = (x: number) => 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
  let far = 0;
  for (const [i, level] of levels.data.entries())
    far = Math.max(far, Math.abs(level - encoded(Math.trunc(i / 3) / 65_535)));
  expect(far).toBeLessThan(0.7); // half a level is lost in any case
  expect(new Set(levels.data).size).toBe(256);
  const { profile } = profileOfCicp({ primaries: 12, transfer: 13 });
  const p3 = { width: 1, height: 1, channels: 4, data: Uint16Array.of(200, 60, 60, 255).map((x) => x * 257) } as const;
  expect([...inSrgb({ ...p3, profile }).data]).toEqual([217, 42, 52, 255]);
  for (const other of [undefined, profile?.subarray(0, 200), Buffer.from(profile ?? []).fill('GRAY', 16, 20)]) {
    const raw = { ...p3, profile: other };
    expect(inSrgb(raw)).toBe(raw);
  }
});

test('a profile in a BMP is applied; one in another file is named', async () => {
  const { icc } = await sharp(join(folder, 'adobe-8.png')).metadata();
  const profile = icc as Buffer;
  const bmp = Buffer.alloc(14 + 124 + 4);
  bmp.write('BM', 0, 'latin1');
  for (const [at, value] of Object.entries({ 2: bmp.length + profile.length, 10: 138, 14: 124, 18: 1, 22: 1, 34: 4 }))
    bmp.writeUInt32LE(value, Number(at));
  for (const [at, value] of Object.entries({ 70: 0x4d424544, 126: bmp.length - 14, 130: profile.length }))
    bmp.writeUInt32LE(value, Number(at));
  [26, 28].forEach((at, i) => bmp.writeUInt16LE([1, 24][i], at));
  bmp.set([60, 60, 200], 138);
  const image = await openImage(Buffer.concat([bmp, profile]), 'a.bmp');
  const { data } = await takePixels(image, (pipeline) => pipeline);
  expect([...data.subarray(0, 3)]).toEqual([231, 57, 57]);
  bmp.writeUInt32LE(0x4c494e4b, 70);
  expect((await openImage(bmp, 'a.bmp')).notice).toMatch(/colour profile lies in another file/);
});

test('the primaries and the gamma of a BMP are applied', async () => {
  const bmp = Buffer.alloc(14 + 108 + 4);
  bmp.write('BM', 0, 'latin1');
  for (const [at, value] of Object.entries({ 2: bmp.length, 10: 122, 14: 108, 18: 1, 22: 1, 34: 4 }))
    bmp.writeUInt32LE(value, Number(at));
  [26, 28].forEach((at, i) => bmp.writeUInt16LE([1, 24][i], at));
  bmp.set([60, 60, 200], 122);
  const read = async () => {
    const image = await openImage(bmp, 'a.bmp');
    return [...(await takePixels(image, (pipeline) => pipeline)).data.subarray(0, 3), image.notice];
  };
  expect(await read()).toEqual([200, 60, 60, undefined]); // primaries of zero state nothing
  const state = (primaries: number[], ...gammas: number[]) => {
    primaries.forEach((value, i) => bmp.writeUInt32LE(Math.round(value * 2 ** 30), 74 + i * 4));
    gammas.forEach((gamma, i) => bmp.writeUInt32LE(Math.round(gamma * 65_536), 110 + i * 4));
  };
  state([0.64, 0.33, 0.03, 0.3, 0.6, 0.1, 0.15, 0.06, 0.79], 2.2, 2.2, 2.2);
  expect(await read()).toEqual([200, 60, 60, undefined]);
  state([0.64, 0.33, 0.03, 0.21, 0.71, 0.08, 0.15, 0.06, 0.79], 2.2, 2.2, 2.2); // Adobe RGB, in which ImageCms has 231, 57, 57
  expect(await read()).toEqual([
    expect.closeTo(231, -0.8),
    expect.closeTo(57, -0.8),
    expect.closeTo(57, -0.8),
    undefined,
  ]);
  const adobe = await read();
  state([], 1 / 2.2, 1 / 2.2, 1 / 2.2);
  expect(await read()).toEqual(adobe);
  state([], 36_044, 36_044, 36_044); // no device has such a gamma
  expect(await read()).toEqual(adobe);
  state([], 2.2, 2, 2.2);
  expect(await read()).toEqual([200, 60, 60, 'colours read as sRGB: another gamma for each channel']);
});

test('code points of sRGB, or none, need no profile; others give one, and HDR is named', () => {
  expect(profileOfCicp({ primaries: 1, transfer: 13 })).toEqual({});
  expect(profileOfCicp({ primaries: 2, transfer: 2 })).toEqual({});
  expect(profileOfCicp({ primaries: 12, transfer: 13 }).profile?.toString('latin1', 36, 40)).toBe('acsp');
  expect(profileOfCicp({ primaries: 9, transfer: 16 }).notice).toMatch(/^HDR \(PQ\) shown without tone mapping/);
  expect(profileOfCicp({ primaries: 9, transfer: 18 }).notice).toMatch(/^HDR \(HLG\)/);
  expect(profileOfCicp({ primaries: 99, transfer: 13 })).toEqual({
    notice: 'colours read as sRGB: unknown primaries 99',
  });
});

test('a gamma of 1/2.2 is that of sRGB; impossible chromaticities are left out', () => {
  expect(profileOfGamma(null, 100_000 / 45_455)).toBeUndefined();
  expect(profileOfGamma(null, 1)).toBeDefined();
  expect(profileOfGamma([0, 0, 0, 0, 0, 0, 0, 0], 1)).toBeUndefined();
});

test('an AVIF sequence shows its first image and has all frames', async () => {
  const { frames, width, height } = await openImage(readFileSync(join(folder, 'sequence.avif')), 'sequence.avif');
  expect({ frames, width, height }).toEqual({ frames: 3, width: 64, height: 64 });
  for (const colour of await columnsOf('sequence.avif')) {
    expect(colour[0]).toBeGreaterThan(190);
    expect(Math.max(colour[1], colour[2])).toBeLessThan(10);
  }
});
