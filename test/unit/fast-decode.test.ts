/** The native image reader gives the pixels of sharp, and declines what is not plain, so that sharp decides. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openImage, type Opened } from '../../src-main/image/decode.ts';
import { measuresOf } from '../../src-main/image/measure.ts';
import { makeRectangle, makeThumb, readThumb } from '../../src-main/image/pixels.ts';
import { readDecoded } from '../../src-main/image/read-decoded.ts';
import { native, type NativeThumb } from '../../src-main/native/index.ts';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';

const reader = native!;
const thumbOf = (bytes: Buffer) => reader.thumbnail(bytes, 256, 85);
const bySharp = async (bytes: Buffer, path: string): Promise<Opened> => ({
  ...(await openImage(bytes, path)),
  plain: undefined,
});
const furthest = (a: Uint8Array, b: Uint8Array) => {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
};

/** Every n-th file of these shared sets, by path. */
const someFiles = (sets: Record<string, number>) =>
  Object.entries(sets).flatMap(([set, each]) => {
    const folder = sharedSet(set);
    return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort()
      .filter((_, i) => i % each === 0)
      .map((path) => ({ folder, path }));
  });

test('the reader is installed where it can be built', () => {
  if (process.platform === 'linux' && process.arch === 'x64') expect(native).not.toBeNull();
});

/** A smooth picture with edges and noise. */
function picture(width: number, height: number, channels: 1 | 3 = 3) {
  const data = Buffer.alloc(width * height * channels);
  for (let i = 0, at = 0; at < data.length; i++)
    for (let c = 0; c < channels; c++, at++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      data[at] =
        127 + 80 * Math.sin((x * (c + 1)) / 17) * Math.cos(y / (9 + c)) + (x > y ? 40 : 0) + ((i * 7919) % 13) - 6;
    }
  return sharp(data, { raw: { width, height, channels } });
}

describe.runIf(native)('the same pixels, measures and fingerprints as by sharp', () => {
  const compare = async (bytes: Buffer, path: string) => {
    const image = await openImage(bytes, path);
    expect(image.plain === bytes, `${path} is plain`).toBe(true);
    const other = { ...image, plain: undefined };
    const [fast, slow] = [await thumbOf(bytes), await makeThumb(other)];
    expect(fast, path).not.toBeNull();
    const { measures, fingerprint } = await makeThumb(image);
    expect([fast!.width, fast!.height, measures], path).toEqual([slow.width, slow.height, slow.measures]);
    expect(Buffer.from(fingerprint).equals(slow.fingerprint), path).toBe(true);
    const [a, b] = [await readThumb(fast!.bytes), await readThumb(slow.bytes)];
    expect(furthest(a.data, b.data), path).toBeLessThanOrEqual(2);
    for (const [width, height] of [
      [64, 64],
      [57, 224],
    ])
      expect(
        furthest(await makeRectangle(image, width, height), await makeRectangle(other, width, height)),
        `${path} at ${width} × ${height}`,
      ).toBeLessThanOrEqual(2);
  };

  // Around the limits of the decoder's own scaling (2, 4, 8), and above 32, where a box filter comes first.
  test.each([
    [256, 256],
    [257, 255],
    [300, 200],
    [511, 600],
    [512, 512],
    [1023, 333],
    [1030, 1100],
    [2047, 2049],
    [2300, 128],
    [4100, 3000],
    [8300, 700],
    [90, 40],
    [3, 500],
  ])('%i × %i', async (width, height) => {
    const made = picture(width, height);
    await compare(await made.clone().jpeg({ quality: 90 }).toBuffer(), 'a.jpg');
    if (width * height < 8e6) {
      await compare(await made.clone().png({ compressionLevel: 1 }).toBuffer(), 'a.png');
      await compare(await made.clone().webp({ quality: 80, effort: 0 }).toBuffer(), 'a.webp');
    }
  });

  test.each([
    ['gray JPEG', () => picture(700, 500, 1).toColourspace('b-w').jpeg().toBuffer(), 'a.jpg'],
    ['progressive JPEG', () => picture(700, 500).jpeg({ progressive: true }).toBuffer(), 'a.jpg'],
    ['JPEG 4:4:4', () => picture(701, 503).jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(), 'a.jpg'],
    ['gray PNG', () => picture(700, 500, 1).toColourspace('b-w').png().toBuffer(), 'a.png'],
    ['PNG with a palette', () => picture(300, 500).png({ palette: true, colours: 200 }).toBuffer(), 'a.png'],
    ['interlaced PNG', () => picture(301, 299).png({ progressive: true }).toBuffer(), 'a.png'],
    ['lossless WebP', () => picture(301, 299).webp({ lossless: true, effort: 0 }).toBuffer(), 'a.webp'],
  ] as const)('%s', async (_, make, path) => compare(await make(), path));

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i', async (orientation) =>
    compare(
      await picture(700, 400)
        .withExif({ IFD0: { Orientation: String(orientation) } })
        .jpeg()
        .toBuffer(),
      'a.jpg',
    ),
  );

  test('the usual sRGB profile changes no level by more than 2; any other profile is left to sharp', async () => {
    const bytes = readFileSync(join(sharedSet('photos-large'), 'photo_010.jpg'));
    const image = await openImage(bytes, 'a.jpg');
    expect(image.plain === bytes).toBe(true);
    for (const side of [64, 224, 600]) {
      const slow = await makeRectangle({ ...image, plain: undefined }, side, side);
      expect(furthest(await makeRectangle(image, side, side), slow)).toBeLessThanOrEqual(2);
    }
    const other = Buffer.from(bytes);
    other[other.indexOf('ICC_PROFILE') + 2000] ^= 1;
    expect(reader.head(other)).toBeNull();
  });

  test('plain files of three shared sets', async () => {
    let compared = 0;
    for (const { folder, path } of someFiles({ 'clothing-10': 40, nasty: 1, 'photos-large': 8 })) {
      const bytes = readFileSync(join(folder, path));
      const plain = reader.head(bytes);
      if (!plain || !(await thumbOf(bytes))) continue;
      await compare(bytes, path);
      compared++;
    }
    expect(compared).toBeGreaterThan(70);
  });
});

describe.runIf(native)('one request reads a file as the decoders do', () => {
  const readFast = (path: string) => reader.read(path, 256, 85);

  test('hash, size, format, thumbnail, measures and fingerprint, of every file that it does not decline', async () => {
    let [compared, declined] = [0, 0];
    for (const { folder, path } of someFiles({ 'clothing-10': 60, nasty: 1, 'photos-large': 14 })) {
      const fast = await readFast(join(folder, path));
      if (!fast) {
        declined++;
        continue;
      }
      const slow = await readDecoded({ folder, workspaceFolder: '', path, bytes: 0 });
      const { sha256, width, height, format, frames, measures, fingerprint } = slow;
      expect([fast.sha256, ...fast.size, fast.format, 1], path).toEqual([sha256, width, height, format, frames]);
      expect(measuresOf(fast.tally, fast.width, fast.height), path).toEqual(measures);
      expect(fast.fingerprint.equals(fingerprint), path).toBe(true);
      expect(fast.bytes.equals(slow.thumb), path).toBe(true);
      expect([slow.notice, slow.values], path).toEqual([undefined, undefined]);
      compared++;
    }
    expect(compared).toBeGreaterThan(50);
    expect(declined).toBeGreaterThan(10);
  });

  test('a missing file, a folder, a pipe, an empty file, a large file and a long decode are declined', async () => {
    const folder = temporaryFolder('fast');
    const at = (name: string) => join(folder, name);
    writeFileSync(at('empty.jpg'), '');
    execFileSync('mkfifo', [at('pipe.jpg')]);
    const bytes = await picture(60, 40).jpeg().toBuffer();
    writeFileSync(at('plain.jpg'), bytes);
    writeFileSync(at('large.jpg'), Buffer.concat([bytes, Buffer.alloc(16 * 2 ** 20)]));
    writeFileSync(at('progressive.jpg'), await picture(3000, 2000).jpeg({ progressive: true }).toBuffer());
    for (const name of ['', 'absent.jpg', 'empty.jpg', 'pipe.jpg', 'large.jpg', 'progressive.jpg'])
      expect(await readFast(at(name)), name).toBeNull();
    expect(await readFast(at('plain.jpg'))).not.toBeNull();
  });
});

describe.runIf(native)('what is not plain is left to sharp', () => {
  const jpeg = () => picture(400, 300).jpeg().toBuffer();
  const declines = async (bytes: Buffer) => {
    const head = reader.head(bytes);
    const results = [head && (await thumbOf(bytes)), head && (await reader.rectangle(bytes, 64, 64))];
    expect(results.every((result) => result === null)).toBe(true);
  };
  const changed = (bytes: Buffer, at: number, value: number) => {
    const copy = Buffer.from(bytes);
    copy[at < 0 ? bytes.length + at : at] = value;
    return copy;
  };

  test.each([
    ['a profile', () => picture(400, 300).withIccProfile('p3').jpeg().toBuffer()],
    ['CMYK', () => picture(400, 300).toColourspace('cmyk').jpeg().toBuffer()],
    ['alpha in PNG', () => picture(400, 300).ensureAlpha(0.5).png().toBuffer()],
    ['alpha in WebP', () => picture(400, 300).ensureAlpha(0.5).webp().toBuffer()],
    ['16 bits', () => picture(400, 300).toColourspace('rgb16').png().toBuffer()],
    [
      'EXIF in WebP',
      () =>
        picture(400, 300)
          .withExif({ IFD0: { Orientation: '6' } })
          .webp()
          .toBuffer(),
    ],
    ['GIF', () => picture(40, 30).gif().toBuffer()],
    [
      'an orientation of 9',
      async () => {
        const bytes = await picture(400, 300)
          .withExif({ IFD0: { Orientation: '6' } })
          .jpeg()
          .toBuffer();
        const entry = bytes.indexOf(Buffer.of(0x01, 0x12, 0, 3)) + 8;
        const little = bytes.indexOf(Buffer.of(0x12, 0x01, 3, 0)) + 8;
        return entry > 7 ? changed(bytes, entry + 1, 9) : changed(bytes, little, 9);
      },
    ],
    ['no bytes', () => Promise.resolve(Buffer.alloc(0))],
    ['a text', () => Promise.resolve(Buffer.from('not an image, but long enough for a header'))],
  ] as const)('%s', async (_, make) => declines(await make()));

  test('files that end early, at any place', async () => {
    const files = [
      await jpeg(),
      await picture(400, 300).jpeg({ progressive: true }).toBuffer(),
      await picture(90, 70).png().toBuffer(),
      await picture(400, 300).webp().toBuffer(),
    ];
    for (const bytes of files)
      for (const part of [0.1, 0.3, 0.5, 0.8, 0.97]) await declines(bytes.subarray(0, Math.floor(bytes.length * part)));
  });

  test('damaged bytes: the result is that of sharp, or sharp decides', async () => {
    let declined = 0;
    for (const [bytes, path] of [
      [await jpeg(), 'a.jpg'],
      [await picture(400, 300).jpeg({ progressive: true }).toBuffer(), 'a.jpg'],
      [await picture(120, 70).png().toBuffer(), 'a.png'],
      [await picture(200, 150).webp().toBuffer(), 'a.webp'],
    ] as const) {
      for (let i = 0; i < 60; i++) {
        const damaged = changed(bytes, 20 + ((i * 7919) % (bytes.length - 20)), (i * 31) & 255);
        const fast: NativeThumb | null = reader.head(damaged) && (await thumbOf(damaged));
        if (!fast) {
          declined++;
          continue;
        }
        const slow = await makeThumb(await bySharp(damaged, path)); // throws if sharp does not read it
        expect([fast.width, fast.height]).toEqual([slow.width, slow.height]);
        expect(furthest((await readThumb(fast.bytes)).data, (await readThumb(slow.bytes)).data)).toBeLessThanOrEqual(2);
      }
    }
    expect(declined).toBeGreaterThan(20);
  });

  test('a claimed size is checked before memory is allocated', async () => {
    const bytes = await picture(40, 30).png().toBuffer();
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    await declines(bytes);
  });
});

test('without the reader, sharp reads', () => {
  const script = `
    const { native } = await import('./src-main/native/index.ts');
    const { openImage } = await import('./src-main/image/decode.ts');
    const { makeThumb } = await import('./src-main/image/pixels.ts');
    const sharp = (await import('sharp')).default;
    const bytes = await sharp({ create: { width: 300, height: 20, channels: 3, background: '#a05' } }).jpeg().toBuffer();
    const image = await openImage(bytes, 'x.jpg');
    const { width, height } = await makeThumb(image);
    console.log(JSON.stringify([native, image.plain ?? null, width, height]));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: { ...process.env, WINNOW_NATIVE: 'off' },
    encoding: 'utf8',
  });
  expect(JSON.parse(printed)).toEqual([null, null, 256, 17]);
});
