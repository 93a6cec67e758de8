/** TIFF of every sample format, compression and layout is read as the program that wrote it meant: files and values are made by `test/fixtures/tiff.py`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { planesOf } from '../../src-main/contract/plane.ts';
import { openImage, toDecodeError } from '../../src-main/image/decode.ts';
import { decodeTiff } from '../../src-main/image/decode-tiff.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { DecodeError } from '../../src-main/image/raw.ts';
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

/** The colours of the left and the right quarter of a picture, or of its top and bottom. */
async function seen(name: string) {
  const image = await openImage(readFileSync(join(`${folder}-pictures`, `${name}.tif`)), `${name}.tif`);
  const row = await makeRow(image, 16);
  const at = (x: number, y: number) => [...row.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)];
  return { image, at, left: at(3, 8), right: at(12, 8) };
}
const near = (seenColour: number[], wanted: number[]) =>
  seenColour.forEach((value, i) => expect(Math.abs(value - wanted[i]), `${seenColour} for ${wanted}`).toBeLessThan(5));
const refusal = (name: string) =>
  seen(name).then(
    () => 'read',
    (error: unknown) => (error instanceof DecodeError ? `${error.code}: ${error.message}` : String(error)),
  );

describe('colours', () => {
  test.each(['palette', 'ycbcr', 'lab', 'jpeg2000', 'jpeg-planes', 'three-pages', 'part'])('%s', async (name) => {
    const { image, left, right } = await seen(name);
    expect([image.width, image.height]).toEqual([32, 16]);
    near(left, [200, 60, 60]);
    near(right, [60, 60, 200]);
  });

  test('white is zero; transparency is on white', async () => {
    const { left, right } = await seen('white-is-zero');
    near(left, [200, 200, 200]);
    near(right, [60, 60, 60]);
    const clear = await seen('alpha');
    near(clear.left, [200, 60, 60]);
    near(clear.right, [255, 255, 255]);
  });

  test('the orientation turns measurements too', async () => {
    for (const [orientation, white] of [
      [1, 'left'],
      [2, 'right'],
      [3, 'right'],
      [4, 'left'],
      [5, 'top'],
      [6, 'top'],
      [7, 'bottom'],
      [8, 'bottom'],
    ] as const) {
      const { image, at } = await seen(`turned-${orientation}`);
      expect([image.width, image.height], String(orientation)).toEqual(orientation > 4 ? [16, 32] : [32, 16]);
      const places = { left: at(3, 8), right: at(12, 8), top: at(8, 3), bottom: at(8, 12) };
      const opposite = { left: 'right', right: 'left', top: 'bottom', bottom: 'top' } as const;
      expect([places[white][0], places[opposite[white]][0]], String(orientation)).toEqual([255, 0]);
    }
  });
});

describe('several pages', () => {
  test.each([
    ['three-pages', 3, 'page 1 of 3'],
    ['part', 1, undefined],
    ['stack.ome', 6, 'channel 1 of 2, z 1 of 3'],
    ['stack-imagej', 6, 'channel 1 of 2, z 1 of 3'],
    ['second-file.ome', 1, 'channel 2 of 2, z 3 of 3'],
    ['unsaid.ome', 1, 'channel ? of 2, z ? of 3'],
    ['two-images.ome', 4, 'image 1 of 2, time 1 of 2'],
    ['planes', 4, 'plane 1 of 4'],
  ])('%s', async (name, frames, notice) => {
    const { image } = await seen(name);
    expect([image.width, image.height, image.frames, image.notice]).toEqual([32, 16, frames, notice]);
  });
});

describe('the chosen plane', () => {
  const picture = (name: string) => readFileSync(join(`${folder}-pictures`, `${name}.tif`));
  const planes = [1, 2].flatMap((channel) => [1, 2, 3].map((z) => ({ channel, z })));

  test.each(['stack.ome', 'stack-imagej'])('of %s', async (name) => {
    for (const { channel, z } of planes) {
      const { data, notice } = await decodeTiff(picture(name), { channel, z });
      const place = (channel - 1) * 3 + z - 1;
      expect([data[0], data[31], notice]).toEqual([100 + place, 200 + place, `channel ${channel} of 2, z ${z} of 3`]);
    }
    const { notice } = await decodeTiff(picture(name), { channel: 9, time: 4 }); // fewer: the last
    expect(notice).toBe('channel 2 of 2, z 1 of 3');
  });

  test('of pages without a meaning', async () => {
    const gray = [50, 110, 170];
    const pages = Buffer.concat(gray.map((level) => Buffer.alloc(16 * 16 * 3, level)));
    const bytes = await sharp(pages, { raw: { width: 16, height: 48, channels: 3, pageHeight: 16 } })
      .tiff({ compression: 'none' })
      .toBuffer();
    const shown = [{}, { page: 2 }, { page: 7 }].map(async (plane) => {
      const image = await openImage(bytes, 'a.tif', { plane });
      return [image.notice, (await makeRow(image, 4))[0]];
    });
    expect(await Promise.all(shown)).toEqual([1, 2, 3].map((page) => [`page ${page} of 3`, gray[page - 1]]));
  });

  test('that a file does not hold: it shows its own, and says which', async () => {
    const { notice } = await decodeTiff(picture('second-file.ome'), { channel: 1 });
    expect(notice).toBe('channel 2 of 2, z 3 of 3');
  });

  test('is read from the notice', () => {
    expect(planesOf('channel 1 of 2, z 3 of 9; band 1 of 4')).toEqual([
      { axis: 'channel', place: 1, count: 2 },
      { axis: 'z', place: 3, count: 9 },
    ]);
    expect(planesOf('page 2 of 3')).toEqual([{ axis: 'page', place: 2, count: 3 }]);
    for (const notice of [null, 'preview of a raw file', 'plane 1 of 4', 'channel ? of 2, z ? of 3', 'homepage 1 of 2'])
      expect(planesOf(notice)).toEqual([]);
  });
});

test('values that mean no data are black and have no part in the range', async () => {
  const floats = await seen('no-data-f4');
  expect(floats.image.values).toEqual({ kind: 'float', low: 3, high: 3 });
  const whole = await seen('no-data-i2');
  expect(whole.image.values).toEqual({ kind: 'int16', low: 3, high: 7 });
  expect([whole.at(3, 3)[0], whole.at(12, 12)[0]]).toEqual([0, 255]);
});

test.each([
  ['unread-lzma', 'LZMA compression'],
  ['unread-jpegxl', 'JPEG XL compression'],
  ['unread-jpegxr', 'JPEG XR compression'],
  ['unread-png', 'PNG compression'],
  ['unread-complex', 'complex numbers'],
])('%s is named', async (name, what) => {
  expect(await refusal(name)).toBe(`unsupported-format: Winnow does not read TIFF with ${what} yet.`);
});

test('a short strip is damaged, before memory is taken for the samples that it claims', async () => {
  const bytes = file('gray-i8'); // 64 bits
  bytes.writeUInt16LE(65_535, 90); // samples per pixel: 130 MB
  const converted = vi.spyOn(Float64Array, 'from');
  try {
    await expect(decodeTiff(bytes)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('a strip or tile is too short'),
    });
    expect(converted).not.toHaveBeenCalled();
  } finally {
    converted.mockRestore();
  }
});

test('a file that is cut or spoilt is truncated or damaged, never read', async () => {
  for (const name of ['rgb-u1-lzw', 'gray-f4-zstd', 'gray-f4-lerc', 'tiles-f4-deflate', 'planes-u2-tiles']) {
    const bytes = file(name);
    // tifffile writes the directory first: the data is at the end.
    const cut = bytes.subarray(0, bytes.length - 40);
    const made = openImage(cut, 'x.tif')
      .then((image) => makeRow(image, 16))
      .catch((error: unknown) => Promise.reject(toDecodeError(error, cut)));
    await expect(made, name).rejects.toMatchObject({ code: 'truncated' });
  }
  const spoilt = Buffer.from(file('gray-f4-zstd'));
  spoilt.fill(0x55, spoilt.length - 60);
  await expect(openImage(spoilt, 'x.tif')).rejects.toMatchObject({ code: 'corrupt' });
});
