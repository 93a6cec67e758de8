/** Our decoders give the pixels that other programs read from their own files (`test/fixtures/formats.py`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openImage, takePixels } from '../../src-main/image/decode.ts';
import { formats } from '../../src-main/image/format.ts';

interface Expected {
  width: number;
  height: number;
  /** 8-bit RGB on white. */
  pixels: number[];
  tolerance: number;
  frames?: number;
  notice?: string;
  measured?: string;
  low?: number;
  high?: number;
  refused?: string;
  code?: string;
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'formats');
const files = Object.entries(
  JSON.parse(gunzipSync(readFileSync(join(folder, 'expected.json.gz'))).toString()) as Record<string, Expected>,
);

describe('a file of another program', () => {
  test.each(files)('%s', async (name, wanted) => {
    const bytes = readFileSync(join(folder, name));
    if (wanted.refused) {
      await expect(openImage(bytes, name)).rejects.toMatchObject({
        code: wanted.code ?? 'unsupported-format',
        message: expect.stringContaining(wanted.refused),
      });
      return;
    }
    const image = await openImage(bytes, name);
    expect([image.width, image.height, image.frames]).toEqual([wanted.width, wanted.height, wanted.frames ?? 1]);
    if (wanted.notice) expect(image.notice).toBe(wanted.notice);
    expect(image.values ?? null).toEqual(
      wanted.measured
        ? {
            kind: wanted.measured,
            low: expect.closeTo(wanted.low as number, 2),
            high: expect.closeTo(wanted.high as number, 2),
          }
        : null,
    );
    const { data, info } = await takePixels(image, (pipeline) => pipeline);
    let worst = 0;
    for (let i = 0; i < info.width * info.height; i++)
      for (let c = 0; c < 3; c++)
        worst = Math.max(
          worst,
          Math.abs(data[i * info.channels + (info.channels < 3 ? 0 : c)] - wanted.pixels[i * 3 + c]),
        );
    expect(worst).toBeLessThanOrEqual(wanted.tolerance);
  });

  test.each(files.filter(([, { refused }]) => !refused))('%s, cut, is truncated or damaged', async (name) => {
    const bytes = readFileSync(join(folder, name));
    await expect(openImage(bytes.subarray(0, Math.floor(bytes.length * 0.8)), name)).rejects.toMatchObject({
      code: expect.stringMatching(/^(truncated|corrupt)$/),
    });
  });
});

test.each(['gray8.dcm', 'implicit.dcm', 'deflated.dcm', 'voi-lut.dcm', 'bare-implicit', 'rle.dcm'])(
  '%s, cut anywhere, is truncated',
  async (name) => {
    const bytes = readFileSync(join(folder, name));
    const start = name.startsWith('bare') ? 60 : 132; // a shorter file does not say that it is DICOM
    for (let size = start; size < bytes.length - 1; size += size < 700 ? 1 : 97)
      await expect(openImage(bytes.subarray(0, size), name), String(size)).rejects.toMatchObject({ code: 'truncated' });
  },
);

describe('kinds that are named', () => {
  /** A DDS with a DX10 header. */
  const dds = (dxgi: number, { textures = 1, misc = 0, caps = 0, depth = 0 } = {}) => {
    const head = Buffer.alloc(148 + 64);
    head.write('DDS ', 0, 'latin1');
    for (const [at, value] of Object.entries({
      4: 124,
      12: 4,
      16: 4,
      24: depth,
      76: 32,
      80: 4,
      112: caps,
      128: dxgi,
      132: 3,
      136: misc,
      140: textures,
    }))
      head.writeUInt32LE(value, Number(at));
    head.write('DX10', 84, 'latin1');
    return head;
  };
  test.each([
    [94, 'BC6H'],
    [95, 'BC6H'],
    [96, 'BC6H'],
    [97, 'BC7'],
    [98, 'BC7'],
    [99, 'BC7'],
    [10, 'the DXGI format 10'],
  ])('DDS in DXGI format %i', async (dxgi, name) => {
    await expect(openImage(dds(dxgi), 'a.dds')).rejects.toMatchObject({
      code: 'unsupported-format',
      message: `Winnow does not read DDS files in ${name}.`,
    });
  });
  test('an index of a slide whose thumbnail is a JPEG or a TIFF', async () => {
    const thumbnail = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
      .jpeg()
      .toBuffer();
    for (const [path, title] of [
      ['slide.mrxs', 'MIRAX'],
      ['slide.vsi', 'CellSens VSI'],
    ])
      await expect(openImage(thumbnail, path)).rejects.toMatchObject({
        code: 'unsupported-format',
        message: `Winnow does not read ${title} files yet.`,
      });
  });
  test('the channels of a JPEG 2000, by what its boxes say', async () => {
    const box = (kind: string, ...body: number[]) => {
      const head = Buffer.alloc(8);
      head.writeUInt32BE(8 + body.length);
      head.write(kind, 4, 'latin1');
      return Buffer.concat([head, Buffer.from(body)]);
    };
    /** `alpha`: the channel that is transparency; `space`: enumerated. */
    const jp2 = (channels: number, space: number, alpha: number | null) => {
      const size = [0, 0, 0, 0, 0, 4, 0, 0, 0, 4, ...new Array<number>(8).fill(0), 0, 0, 0, 4, 0, 0, 0, 4];
      const siz = [0xff, 0x4f, 0xff, 0x51, 0, 38 + 3 * channels, ...size, ...new Array<number>(8).fill(0), 0, channels];
      const meaning = alpha === null ? [] : [...box('cdef', 0, 1, 0, alpha, 0, 1, 0, 0)];
      const header = [...box('colr', 1, 0, 0, 0, 0, 0, space), ...meaning];
      return Buffer.concat([
        box('jP  ', 0x0d, 0x0a, 0x87, 0x0a),
        box('jp2h', ...header),
        box('jp2c', ...siz, ...Array.from({ length: channels }, () => [7, 1, 1]).flat()),
      ]);
    };
    for (const [file, words] of [
      [jp2(2, 17, 1), '2 channels (gray and transparency)'],
      [jp2(4, 16, 3), '4 channels (RGB and transparency)'],
      [jp2(4, 12, null), '4 channels (CMYK)'],
      [jp2(4, 16, null), '4 channels (RGB)'],
      [jp2(5, 0, null), '5 channels'],
    ] as const)
      await expect(openImage(file, 'a.jp2')).rejects.toMatchObject({
        code: 'unsupported-format',
        message: `Winnow does not read JPEG 2000 images with ${words} yet.`,
      });
  });
  test('the surface that a DDS shows', async () => {
    const shown = async (file: Buffer) =>
      (({ frames, notice }) => ({ frames, notice }))(await openImage(file, 'a.dds'));
    expect(await shown(dds(28))).toEqual({ frames: 1, notice: undefined });
    expect(await shown(dds(28, { textures: 3 }))).toEqual({ frames: 3, notice: 'texture 1 of 3' });
    expect(await shown(dds(28, { misc: 4 }))).toEqual({ frames: 6, notice: 'first face of a cube' });
    expect(await shown(dds(28, { caps: 0x200000, depth: 8 }))).toEqual({ frames: 8, notice: 'slice 1 of 8' });
  });
});

test('README names every format that is read, and every one that is only recognised', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const [, read, unread] = /\*\*Formats\.\*\*([^]*?)\| recognised, but not read \|([^]*?)\n\n/.exec(readme) ?? [];
  for (const { title, decoder } of Object.values(formats))
    expect(decoder ? read : unread, title).toMatch(
      new RegExp(`(?<![\\w-])${title.replace(/^camera/, '[Cc]amera')}(?![\\w-])`),
    );
});
