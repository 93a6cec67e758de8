/** Camera raw files show the largest picture that the camera stored, with the size of the raw image, and say so. The files are built here around a JPEG of sharp. */
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { DecodeError } from '../../src-main/image/raw.ts';

/** Red on the left, blue on the right. */
const picture = (width: number, height: number) =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="50%" height="100%" fill="#f00"/><rect x="50%" width="50%" height="100%" fill="#00f"/></svg>`,
    ),
  ).removeAlpha();
const jpeg = (width: number, height: number, orientation = 0) => {
  const made = picture(width, height).jpeg({ quality: 95, chromaSubsampling: '4:4:4' });
  return (orientation ? made.withMetadata({ orientation }) : made).toBuffer();
};

interface Entries {
  [tag: number]: number | number[] | Buffer;
}
interface Part {
  tags: Entries;
  /** Its only strip. */
  data?: Buffer;
  /** The JPEG of tags 513 and 514. */
  jpeg?: Buffer;
  parts?: Part[];
}

/** A little-endian TIFF with one directory and its parts; all values of more than four bytes and the data follow. */
function tiff({ magic = 42, ...first }: Part & { magic?: number }): Buffer {
  const chunks: Buffer[] = [Buffer.from([0x49, 0x49, magic & 255, magic >> 8, 0, 0, 0, 0])];
  let length = 8;
  const add = (bytes: Buffer) => {
    const at = length;
    chunks.push(bytes);
    length += bytes.length;
    if (length % 2) length += chunks[chunks.push(Buffer.alloc(1)) - 1].length;
    return at;
  };
  const write = ({ tags, data, jpeg: embedded, parts = [] }: Part): number => {
    const all: Entries = { ...tags };
    if (data) Object.assign(all, { 273: add(data), 279: data.length });
    if (embedded) Object.assign(all, { 513: add(embedded), 514: embedded.length });
    if (parts.length) all[330] = parts.map(write);
    const entries = Object.entries(all).map(([tag, value]) => {
      const entry = Buffer.alloc(12);
      entry.writeUInt16LE(Number(tag), 0);
      const isBytes = Buffer.isBuffer(value);
      const numbers = isBytes ? [] : [value as number].flat();
      const bytes = isBytes ? value : Buffer.from(Uint32Array.from(numbers).buffer);
      entry.writeUInt16LE(isBytes ? 1 : 4, 2);
      entry.writeUInt32LE(isBytes ? bytes.length : numbers.length, 4);
      if (bytes.length <= 4) bytes.copy(entry, 8);
      else entry.writeUInt32LE(add(bytes), 8);
      return entry;
    });
    const count = Buffer.alloc(2);
    count.writeUInt16LE(entries.length);
    return add(Buffer.concat([count, ...entries, Buffer.alloc(4)]));
  };
  const at = write(first);
  const file = Buffer.concat(chunks);
  file.writeUInt32LE(at, 4);
  return file;
}

const cfa = (width: number, height: number, photometric = 32803): Part => ({
  tags: { 254: 0, 256: width, 257: height, 258: 16, 259: 1, 262: photometric, 277: 1, 278: height },
  data: Buffer.alloc(width * height * 2, 0x5a),
});
const rgb = async (width: number, height: number, reduced: 0 | 1): Promise<Part> => ({
  tags: { 254: reduced, 256: width, 257: height, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3, 278: height },
  data: await picture(width, height).raw().toBuffer(),
});

async function seen(bytes: Buffer, name: string) {
  const image = await openImage(bytes, name);
  const row = await makeRow(image, 16);
  const at = (x: number, y: number) => {
    const [r, , b] = row.subarray((y * 16 + x) * 3);
    return r > 128 && b < 128 ? 'red' : b > 128 && r < 128 ? 'blue' : 'neither';
  };
  return {
    format: image.format,
    size: [image.width, image.height],
    notice: image.notice,
    corners: [at(2, 2), at(13, 2), at(2, 13), at(13, 13)],
  };
}
const refusal = (bytes: Buffer, name: string) =>
  openImage(bytes, name).then(
    () => 'read',
    (error: unknown) => (error instanceof DecodeError ? `${error.code}: ${error.message}` : String(error)),
  );

const upright = ['red', 'blue', 'red', 'blue'];
const notice = 'preview of a raw file';
/** Orientation 6: the left side of the stored picture is at the top. */
const turned = ['red', 'red', 'blue', 'blue'];

describe('camera raw', () => {
  test('the largest of several previews, in any place of the file', async () => {
    const file = tiff({
      tags: { 254: 1, 256: 16, 257: 8, 259: 6, 271: Buffer.from('Any Maker\0') },
      jpeg: await sharp({ create: { width: 16, height: 8, channels: 3, background: '#0f0' } })
        .jpeg()
        .toBuffer(),
      parts: [cfa(640, 320), { tags: { 254: 1, 256: 64, 257: 32, 259: 7 }, data: await jpeg(64, 32) }],
    });
    expect(await seen(file, 'x.nef')).toEqual({ format: 'raw', size: [640, 320], notice, corners: upright });
    // The name does not matter.
    expect(await seen(file, 'x.tif')).toEqual({ format: 'raw', size: [640, 320], notice, corners: upright });
  });

  test('the orientation of the raw file turns the preview and the size', async () => {
    const part = { tags: { 254: 1, 256: 64, 257: 32, 259: 7 }, data: await jpeg(64, 32, 3) };
    const file = tiff({ tags: { 274: 6, 50706: Buffer.from([1, 4, 0, 0]) }, parts: [cfa(640, 320), part] });
    expect(await seen(file, 'x.dng')).toEqual({ format: 'raw', size: [320, 640], notice, corners: turned });
  });

  test('a preview that the camera has turned is not turned again', async () => {
    const part = { tags: { 254: 1, 256: 32, 257: 64, 259: 7 }, data: await jpeg(32, 64) };
    const file = tiff({ tags: { 274: 6, 50706: Buffer.from([1, 4, 0, 0]) }, parts: [cfa(640, 320), part] });
    expect(await seen(file, 'x.dng')).toEqual({ format: 'raw', size: [320, 640], notice, corners: upright });
  });

  test('a damaged preview is passed over', async () => {
    const broken = await jpeg(128, 64);
    broken.fill(0xee, Math.floor(broken.length * 0.7), broken.length - 2);
    const parts = [
      cfa(640, 320),
      { tags: { 254: 1, 259: 7 }, data: broken.subarray(0, broken.length - 30) },
      { tags: { 254: 1, 259: 7 }, data: await jpeg(64, 32) },
    ];
    expect(await seen(tiff({ tags: { 271: Buffer.from('Any\0') }, parts }), 'x.pef')).toMatchObject({
      size: [640, 320],
      corners: upright,
    });
  });

  test('tiles of raw samples that are JPEG are no preview', async () => {
    const tile = await jpeg(64, 32);
    const lossy: Part = {
      tags: { 254: 0, 256: 64, 257: 32, 258: [8, 8, 8], 259: 34892, 262: 34892, 277: 3, 322: 64, 323: 32 },
      data: tile,
    };
    expect(await refusal(tiff({ tags: { 50706: Buffer.from([1, 4, 0, 0]) }, parts: [lossy] }), 'x.dng')).toMatch(
      /^unsupported-format: Winnow does not read RAW files without a preview/,
    );
  });

  test('uncompressed pictures: one of the shape of the raw image is shown, a thumbnail of another shape is not', async () => {
    const dng = { 50706: Buffer.from([1, 4, 0, 0]) };
    expect(await seen(tiff({ tags: dng, parts: [cfa(640, 320), await rgb(64, 32, 1)] }), 'x.dng')).toEqual({
      format: 'raw',
      size: [640, 320],
      notice,
      corners: upright,
    });
    expect(await refusal(tiff({ tags: dng, parts: [cfa(64, 32), await rgb(32, 8, 1)] }), 'x.dng')).toMatch(/RAW files/);
    // Without raw samples, the picture of full size is all of the file.
    const small = await rgb(16, 8, 1);
    expect(
      await seen(tiff({ ...small, tags: { ...small.tags, ...dng }, parts: [await rgb(64, 32, 0)] }), 'x.dng'),
    ).toEqual({
      format: 'raw',
      size: [64, 32],
      notice: undefined,
      corners: upright,
    });
  });

  test('a file that ends before its samples is truncated, though its preview is whole', async () => {
    const preview = { tags: { 254: 1, 259: 7 }, data: await jpeg(64, 32) };
    const late = cfa(640, 320);
    const file = tiff({ tags: { 50706: Buffer.from([1, 4, 0, 0]) }, parts: [preview, late] });
    file.writeUInt32LE(
      640 * 320 * 2 + 10_000,
      file.indexOf(Buffer.from([0x17, 1, 4, 0, 1, 0, 0, 0]), file.length - 300) + 8,
    );
    expect(await refusal(file, 'x.dng')).toMatch(/^truncated/);
  });

  test('Fujifilm, Panasonic, Olympus, Canon and Sigma', async () => {
    const raf = Buffer.alloc(160);
    raf.write('FUJIFILMCCD-RAW 0201');
    raf.writeUInt32BE(120, 92);
    raf.writeUInt32BE(1, 120);
    raf.writeUInt16BE(0x111, 124);
    raf.writeUInt16BE(4, 126);
    raf.writeUInt16BE(320, 128);
    raf.writeUInt16BE(640, 130);
    expect(await seen(Buffer.concat([raf, await jpeg(64, 32, 6)]), 'x.raf')).toMatchObject({
      size: [320, 640],
      notice,
      corners: turned,
    });

    const rw2 = tiff({ magic: 0x55, tags: { 2: 700, 3: 400, 4: 4, 5: 8, 6: 324, 7: 648, 46: await jpeg(64, 32) } });
    expect(await seen(rw2, 'x.rw2')).toMatchObject({ format: 'raw', size: [640, 320], notice, corners: upright });

    const orf = tiff({ magic: 0x4f52, tags: { 256: 640, 257: 320, 37500: await jpeg(64, 32), 274: 6 } });
    expect(await seen(orf, 'x.orf')).toMatchObject({ format: 'raw', size: [320, 640], notice, corners: turned });

    const box = (kind: string, ...parts: Buffer[]) => {
      const content = Buffer.concat(parts);
      const head = Buffer.alloc(8);
      head.writeUInt32BE(content.length + 8);
      head.write(kind, 4);
      return Buffer.concat([head, content]);
    };
    const cmt1 = box('CMT1', tiff({ tags: { 256: 640, 257: 320, 274: 6 } }));
    const cr3 = [
      box('ftyp', Buffer.from('crx \0\0\0\x01crx isom')),
      box('moov', box('uuid', Buffer.alloc(16), cmt1)),
      box('mdat', await jpeg(64, 32)),
    ];
    expect(await seen(Buffer.concat(cr3), 'x.cr3')).toMatchObject({
      format: 'raw',
      size: [320, 640],
      notice,
      corners: turned,
    });

    const x3f = Buffer.alloc(40);
    x3f.write('FOVb');
    [640, 320, 90].forEach((value, i) => x3f.writeUInt32LE(value, 28 + i * 4));
    expect(await seen(Buffer.concat([x3f, await jpeg(64, 32)]), 'x.x3f')).toMatchObject({
      size: [320, 640],
      notice,
      corners: turned,
    });
    expect(await refusal(x3f, 'x.x3f')).toMatch(/RAW files without a preview/);
  });
});
