import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { toDecodeError, openImage } from '../../src-main/image/decode.ts';
import { findImages } from '../../src-main/image/find.ts';
import { makeRow, makeThumb } from '../../src-main/image/pixels.ts';
import { Budget } from '../../src-main/image/budget.ts';
import { bmp, dib, icon, jp2, psd, tga } from '../fixtures/formats.ts';
import { blob, folderOf, quarters, sharedSet, temporaryFolder } from '../fixtures/images.ts';

const row = async (bytes: Buffer, path = 'x.png', sizePx = 16) => makeRow(await openImage(bytes, path), sizePx);
/** Colour of the middle of a quarter of a 16 px row. */
const at = (pixels: Buffer, x: number, y: number) => [...pixels.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)];
const code = (work: Promise<unknown>, bytes?: Buffer) =>
  work.then(
    () => 'ok',
    (error: unknown) => toDecodeError(error, bytes).code,
  );
const listed = async (folder: string) => {
  const paths: string[] = [];
  const issues: string[] = [];
  for await (const { path } of findImages(folder, {
    signal: new AbortController().signal,
    onIssue: (issue) => issues.push(`${issue.path}: ${issue.code}`),
    isKnown: () => false,
  }))
    paths.push(path);
  return { paths, issues };
};

describe('the same pixels everywhere', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i', async (orientation) => {
    const upright = await quarters();
    // The pixels that a camera would store so that the orientation tag turns the image upright.
    const undo: Record<number, (image: Sharp) => Sharp> = {
      1: (i) => i,
      2: (i) => i.flop(),
      3: (i) => i.rotate(180),
      4: (i) => i.flip(),
      5: (i) => i.rotate(270).flop(),
      6: (i) => i.rotate(270),
      7: (i) => i.rotate(90).flop(),
      8: (i) => i.rotate(90),
    };
    const stored = await undo[orientation](sharp(upright)).png().toBuffer();
    const tagged = await sharp(stored)
      .withMetadata({ orientation })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const image = await openImage(tagged, 'x.jpg');
    expect([image.width, image.height]).toEqual([60, 40]);
    const [turned, plain] = [await makeRow(image, 16), await row(upright)];
    expect(Math.max(...turned.map((value, i) => Math.abs(value - plain[i])))).toBeLessThan(40); // JPEG at the edges
    const thumb = await sharp((await makeThumb(image)).bytes).metadata();
    expect([thumb.width, thumb.height]).toEqual([60, 40]);
  });

  test('transparent pixels become white, also with a palette', async () => {
    const clear = await sharp({
      create: { width: 20, height: 20, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png({ palette: true })
      .toBuffer();
    expect(at(await row(clear), 8, 8)).toEqual([255, 255, 255]);
  });

  test('16-bit, gray and CMYK images become 8-bit sRGB', async () => {
    const gray = await sharp(new Uint16Array(400).fill(32768), { raw: { width: 20, height: 20, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect(at(await row(gray), 8, 8)).toEqual([128, 128, 128]); // 32,768 of 65,535
    const cmyk = await sharp(await quarters())
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    const [r, g, b] = at(await row(cmyk, 'x.jpg'), 4, 4);
    expect(r).toBeGreaterThan(180);
    expect(Math.max(g, b)).toBeLessThan(90);
  });

  test('an animation gives its first frame', async () => {
    const frames = await sharp([await blob(1), await blob(2, true)], { join: { animated: true } })
      .gif()
      .toBuffer();
    const image = await openImage(frames, 'x.gif');
    expect(image.frames).toBe(2);
    expect([image.width, image.height]).toEqual([48, 48]);
    const [first, still] = [
      await makeRow(image, 16),
      await row(
        await sharp(await blob(1))
          .gif()
          .toBuffer(),
        'x.gif',
      ),
    ];
    expect(first.equals(still)).toBe(true);
  });

  test('an SVG is rendered without access to files', async () => {
    const folder = folderOf({ 'secret.png': await quarters() });
    const svg = Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="16" height="16"><image xlink:href="file://${join(folder, 'secret.png')}" width="16" height="16"/></svg>`,
    );
    expect(new Set(await row(svg, 'x.svg'))).toEqual(new Set([255]));
  });
});

describe('bad files are reported by code', () => {
  test.each([
    ['empty', Buffer.alloc(0), 'x.jpg'],
    ['not-an-image', Buffer.from('<html>not found</html>'), 'x.jpg'],
    ['unsupported-format', Buffer.from('SDPX and so on, a frame of a film'), 'x.dpx'],
  ] as const)('%s', async (expected, bytes, path) => expect(await code(openImage(bytes, path))).toBe(expected));

  test('truncated JPEG and PNG', async () => {
    const jpeg = await sharp(await blob(1))
      .jpeg()
      .toBuffer();
    const cut = jpeg.subarray(0, Math.floor(jpeg.length * 0.6));
    expect(
      await code(
        openImage(cut, 'x.jpg').then((image) => makeRow(image, 16)),
        cut,
      ),
    ).toBe('truncated');
    const png = await blob(1);
    const short = png.subarray(0, png.length - 40);
    expect(
      await code(
        openImage(short, 'x.png').then((image) => makeRow(image, 16)),
        short,
      ),
    ).toBe('truncated');
  });

  test('every file of the nasty set is read, or refused with a code and a message', async () => {
    const folder = sharedSet('nasty');
    const truth = new Map(
      readFileSync(join(folder, '..', 'truth', 'nasty', 'MANIFEST.tsv'), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t'))
        .map((fields) => [fields[0], fields[2]]),
    );
    const { paths, issues } = await listed(folder);
    expect(issues).toEqual([]);
    expect(new Set(paths)).toEqual(new Set(truth.keys()));
    const refused: string[] = [];
    for (const path of paths) {
      const bytes = readFileSync(join(folder, path));
      const outcome = await code(
        openImage(bytes, path).then((image) => makeThumb(image)),
        bytes,
      );
      expect(outcome, path).toMatch(
        /^(ok|empty|not-an-image|truncated|corrupt|too-large|too-slow|unsupported-format)$/,
      );
      if (outcome !== 'ok' && truth.get(path) === 'ok') refused.push(`${path}: ${outcome}`);
      if (outcome === 'ok' && truth.get(path) === 'error') expect(path).toMatch(/\.svg$|heic/); // Pillow reads neither
    }
    expect(refused).toEqual([]); // what Pillow reads, Winnow reads
  });
});

const [red, green, blue, white] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
];
/** 12 × 8 images with red, green, blue and white quarters, as other programs would write them. */
const quartered: Record<string, () => Buffer | Promise<Buffer>> = {
  'jp2.jp2': () => jp2,
  'code-stream.j2k': () => jp2.subarray(jp2.indexOf(Buffer.of(0xff, 0x4f, 0xff, 0x51))),
  '24-bits.bmp': () => bmp({ bits: 24 }),
  '32-bits.bmp': () => bmp({ bits: 32 }),
  'top-down.bmp': () => bmp({ bits: 24, topDown: true }),
  'bit-fields.bmp': () => bmp({ bits: 16, fields: true }),
  '8-bits.bmp': () => bmp({ bits: 8 }),
  'run-lengths.bmp': () => bmp({ bits: 8, packed: true }),
  '4-bits.bmp': () => bmp({ bits: 4 }),
  'bitmap.ico': () => icon([dib(32)]),
  'masked.ico': () => icon([dib(24)]),
  'png.ico': async () =>
    icon([
      await sharp(await quarters())
        .resize(12, 8, { kernel: 'nearest' })
        .png()
        .toBuffer(),
    ]),
  'binary.ppm': async () =>
    Buffer.concat([
      Buffer.from('P6\n# by hand\n12 8\n255\n'),
      await sharp(await quarters())
        .resize(12, 8, { kernel: 'nearest' })
        .raw()
        .toBuffer(),
    ]),
  'text.ppm': async () =>
    Buffer.from(
      `P3 12 8 255\n${[
        ...(await sharp(await quarters())
          .resize(12, 8, { kernel: 'nearest' })
          .raw()
          .toBuffer()),
      ].join(' ')}\n`,
    ),
  'plain.psd': () => psd(false),
  'run-lengths.psd': () => psd(true),
  'plain.tga': () => tga(false),
  'run-lengths.tga': () => tga(true),
};

describe('formats with our own decoders', () => {
  test.each(Object.keys(quartered))('%s', async (name) => {
    const bytes = await quartered[name]();
    const image = await openImage(bytes, name);
    expect([image.width, image.height, image.frames]).toEqual([12, 8, 1]);
    const pixels = await makeRow(image, 16);
    const seen = [at(pixels, 2, 2), at(pixels, 13, 2), at(pixels, 2, 13), at(pixels, 13, 13)];
    [red, green, blue, white].forEach((colour, i) =>
      colour.forEach((value, c) => expect(Math.abs(seen[i][c] - value), `quarter ${i}`).toBeLessThan(9)),
    );
    const cut = bytes.subarray(0, Math.floor(bytes.length * 0.8));
    expect(
      await code(
        openImage(cut, name).then((opened) => makeRow(opened, 16)),
        cut,
      ),
    ).toBe('truncated');
  });

  test('gray and two-tone Netpbm, and values of 16 bits', async () => {
    expect(at(await row(Buffer.from('P2 2 2 15 15 15 15 15'), 'x.pgm'), 8, 8)).toEqual([255, 255, 255]);
    expect(at(await row(Buffer.from('P1 2 2 1111'), 'x.pbm'), 8, 8)).toEqual([0, 0, 0]);
    expect(at(await row(Buffer.from('P4 8 1 \0', 'latin1'), 'x.pbm'), 8, 8)).toEqual([255, 255, 255]);
    expect(at(await row(Buffer.from('P5 1 1 65535 \x80\0', 'latin1'), 'x.pgm'), 8, 8)).toEqual([128, 128, 128]);
    const depth = await openImage(Buffer.from('P5 2 1 65535 \0\x10\0\x20', 'latin1'), 'x.pgm');
    expect(depth.values).toEqual({ kind: 'uint16', low: 16, high: 32 }); // as of a PNG, not black
    const colour = await openImage(Buffer.from('P3 1 1 1023 1023 512 1'), 'x.ppm');
    expect(colour.decoded?.data).toEqual(Uint16Array.of(65_535, 32_800, 64));
    expect(at(await makeRow(colour, 16), 8, 8)).toEqual([255, 128, 0]);
  });

  test('an icon shows its largest image, with its mask applied', async () => {
    const small = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'black' } })
      .png()
      .toBuffer();
    const image = await openImage(icon([small, dib(24, true)], [4, 12]), 'x.ico');
    expect([image.width, image.height]).toEqual([12, 8]);
    expect(new Set(await makeRow(image, 16))).toEqual(new Set([255])); // everything is masked: white
  });

  test('an image with a side of millions of pixels is refused: a few rows of it take gigabytes', async () => {
    const png = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    png.writeUInt32BE(16_777_216, 16);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    expect(await code(openImage(png, 'x.png'), png)).toBe('too-large');
    const ppm = Buffer.concat([Buffer.from('P6 4000000 1 255\n'), Buffer.alloc(12_000_000)]);
    expect(await code(openImage(ppm, 'x.ppm'), ppm)).toBe('too-large');
  });

  test('a header that claims a huge image is refused before memory is allocated', async () => {
    const claim = (bytes: Buffer, write: (bytes: Buffer) => void) => (write(bytes), bytes);
    const size = jp2.indexOf(Buffer.of(0xff, 0x4f, 0xff, 0x51)) + 8;
    const heic = readFileSync(join(sharedSet('nasty'), 'made', 'heic_photo.heic'));
    const bombs: [string, Buffer][] = [
      [
        'x.bmp',
        claim(
          Buffer.from(bmp({ bits: 8, packed: true })),
          (b) => (b.writeInt32LE(60_000, 18), b.writeInt32LE(60_000, 22)),
        ),
      ],
      ['x.jp2', claim(Buffer.from(jp2), (b) => (b.writeUInt32BE(2 ** 31, size), b.writeUInt32BE(2 ** 31, size + 4)))],
      ['x.tga', claim(Buffer.from(tga(true)), (b) => (b.writeUInt16LE(60_000, 12), b.writeUInt16LE(60_000, 14)))],
      ['x.psd', claim(Buffer.from(psd(true)), (b) => (b.writeUInt32BE(60_000, 14), b.writeUInt32BE(60_000, 18)))],
      ['x.pgm', Buffer.from('P5 100000 100000 255\n0')],
      [
        'x.heic',
        claim(
          Buffer.from(heic),
          (b) => (b.writeUInt32BE(100_000, b.indexOf('ispe') + 8), b.writeUInt32BE(100_000, b.indexOf('ispe') + 12)),
        ),
      ],
      [
        'x.ico',
        icon([
          claim(Buffer.from(await quarters()), (b) => (b.writeUInt32BE(100_000, 16), b.writeUInt32BE(100_000, 20))),
        ]),
      ],
    ];
    for (const [name, bytes] of bombs)
      expect(
        await code(
          openImage(bytes, name).then((image) => makeRow(image, 16)),
          bytes,
        ),
        name,
      ).toMatch(name === 'x.ico' ? /^(too-large|corrupt)$/ : /^too-large$/); // the checksum of a PNG also detects it
  });

  test('the decoder thread keeps no process alive and prints nothing', async () => {
    const heic = readFileSync(join(sharedSet('nasty'), 'made', 'heic_photo.heic'));
    const folder = folderOf({ 'cut.heic': heic.subarray(0, 9000), 'whole.bmp': bmp({ bits: 24 }) });
    const script = `import { readFileSync } from 'node:fs'; import { openImage } from ${JSON.stringify(new URL('../../src-main/image/decode.ts', import.meta.url).href)};
      for (const name of ['cut.heic', 'whole.bmp']) console.log(await openImage(readFileSync(name), name).then(({ width }) => width, ({ code }) => code));`;
    expect(
      execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
        cwd: folder,
        encoding: 'utf8',
        timeout: 100_000,
      }),
    ).toBe('truncated\n12\n');
  });

  test('concurrent requests each get their own result', async () => {
    const sides = Array.from({ length: 12 }, (_, i) => i + 1);
    const widths = await Promise.all(
      sides.map(async (side) => (await openImage(Buffer.from(`P5 ${side} 1 255\n${'x'.repeat(side)}`), 'x.pgm')).width),
    );
    expect(widths).toEqual(sides);
  });
});

test('large images wait for memory, in order', async () => {
  let [now, most] = [0, 0];
  const order: number[] = [];
  const room = new Budget(150e6);
  const work = (pixels: number, index: number) =>
    room.hold(pixels, async () => {
      now += pixels;
      most = Math.max(most, now);
      order.push(index);
      await new Promise((done) => setImmediate(done));
      now -= pixels;
    });
  await Promise.all([60e6, 60e6, 60e6, 1e9, 1e6, 60e6].map(work));
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  expect(most).toBe(1e9); // decoded alone
});

describe('finding', () => {
  test('handles unusual names, hidden files, wrong and missing extensions, and other files', async () => {
    const png = await blob(1);
    const folder = folderOf({
      'a b.png': png,
      'new\nline.png': png,
      'ünï/写真 🖼.png': png,
      '.hidden.png': png,
      'no-extension': png,
      'wrong.jpg': png,
      'UPPER.PNG': png,
      'empty.png': '',
      'notes.txt': 'no',
      'data.bin': 'BM is not enough',
    });
    const { paths } = await listed(folder);
    expect(paths.sort()).toEqual(
      [
        '.hidden.png',
        'UPPER.PNG',
        'a b.png',
        'empty.png',
        'new\nline.png',
        'no-extension',
        'wrong.jpg',
        'ünï/写真 🖼.png',
      ].sort(),
    );
  });

  test('stops at loops of links, and lists each file once', async () => {
    const folder = folderOf({ 'a/one.png': await blob(1) });
    symlinkSync(folder, join(folder, 'a', 'loop'));
    symlinkSync(join(folder, 'a'), join(folder, 'again'));
    symlinkSync(join(folder, 'self.png'), join(folder, 'self.png'));
    symlinkSync(join(folder, 'nowhere.png'), join(folder, 'dangling.png'));
    const outside = temporaryFolder('outside');
    writeFileSync(join(outside, 'two.png'), await blob(2));
    symlinkSync(outside, join(folder, 'linked'));
    const { paths, issues } = await listed(folder);
    expect(paths.sort()).toEqual(['a/one.png', 'linked/two.png']);
    expect(issues.sort()).toEqual(['dangling.png: vanished', 'self.png: unreadable']);
  });
});
