/** Our decoders give the pixels that other programs read from their own files (`test/fixtures/formats.py`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
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

test('README names every format that is read, and every one that is only recognised', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const [, read, unread] = /\*\*Formats\.\*\*([^]*?)Recognised but not read:([^]*?)\n\n/.exec(readme) ?? [];
  for (const { title, decoder } of Object.values(formats))
    expect(decoder ? read : unread, title).toMatch(
      new RegExp(`(?<![\\w-])${title.replace(/^camera/, '[Cc]amera')}(?![\\w-])`),
    );
});
