/** SVG is recognised as XML allows it, and drawn at about 1,024 px whatever its size. */
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodableFormat, openImage } from '../../src-main/image/decode.ts';
import { findImages } from '../../src-main/image/find.ts';
import { takePixels } from '../../src-main/image/decode.ts';
import { folderOf } from '../fixtures/images.ts';

const ns = 'xmlns="http://www.w3.org/2000/svg"';
const halves = '<rect width="40" height="40" fill="#c83c3c"/><rect x="40" width="40" height="40" fill="#3cb43c"/>';
const plain = `<svg ${ns} width="80" height="40">${halves}</svg>`;
const prefixed = `<x:svg xmlns:x="http://www.w3.org/2000/svg" width="80" height="40">${halves.replaceAll('<rect', '<x:rect')}</x:svg>`;
const utf16be = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16();

const drawings: Record<string, Buffer> = {
  'white space first': Buffer.from(`\n\n  ${plain}`),
  'a byte order mark': Buffer.from(`\uFEFF${plain}`),
  'a long comment': Buffer.from(`<?xml version="1.0"?><!-- ${'licence '.repeat(4000)} -->${plain}`),
  'a comment with a tag': Buffer.from(`<!-- <html> -->${plain}`),
  'processing instructions': Buffer.from(`<?xml version='1.0'?><?a b=">"?><?c?>${plain}`),
  'a DOCTYPE': Buffer.from(
    `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">${plain}`,
  ),
  'an internal subset': Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [ <!ENTITY red "#c83c3c"> <!-- ]> --> <!ENTITY end "]>"> ]>${plain.replace('#c83c3c', '&red;')}`,
  ),
  'a prefix': Buffer.from(prefixed),
  'UTF-16 LE': Buffer.from(`\uFEFF<?xml version="1.0" encoding="UTF-16"?>${plain}`, 'utf16le'),
  'UTF-16 BE': utf16be(`<?xml version="1.0" encoding='utf-16'?><!-- é -->${plain}`),
  'UTF-16 without a mark': Buffer.from(`<?xml version="1.0" encoding="UTF-16LE"?>${plain}`, 'utf16le'),
  Latin1: Buffer.from(`<?xml version="1.0" encoding="ISO-8859-1"?><!-- \xe9 -->${plain}`, 'latin1'),
  gzip: gzipSync(plain),
};

async function pixelsOf(bytes: Buffer, path = 'x.svg') {
  const image = await openImage(bytes, path);
  const { data, info } = await takePixels(image, (pipeline) => pipeline);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  return { image, at, width: info.width, height: info.height };
}

describe('an SVG with', () => {
  test.each(Object.entries(drawings))('%s is found without its name and drawn', async (_, bytes) => {
    const found: string[] = [];
    const options = { signal: new AbortController().signal, onIssue: () => {}, isKnown: () => false };
    for await (const { path } of findImages(folderOf({ drawing: bytes, 'x.svg': bytes }), options)) found.push(path);
    expect(found).toEqual(['drawing', 'x.svg']);
    const { at, width, height } = await pixelsOf(bytes);
    expect([width, height]).toEqual([1024, 512]);
    expect([at(256, 256), at(768, 256)]).toEqual([
      [0xc8, 0x3c, 0x3c],
      [0x3c, 0xb4, 0x3c],
    ]);
  });
});

test.each([
  ['viewBox="0 0 100000 3"', [1024, 1]],
  ['viewBox="0,0,4,9000"', [1, 1024]],
  ['width="0.4" height="0.2"', [1024, 512]],
  ['width="200000000" height="100000000" viewBox="0 0 80 40"', [1024, 512]],
  ['width="80mm" viewBox="0 0 80 40"', [1024, 512]],
  ['width="100%" height="100%" viewBox="0 0 80 40"', [1024, 512]],
  ['viewBox="0 0 1 1"', [1024, 1024]],
  ['width="210mm" height="105mm"', [1024, 512]],
])('the size of a drawing with %s', async (attributes, size) => {
  const { image, at } = await pixelsOf(
    Buffer.from(`<svg ${ns} ${attributes}><rect width="100%" height="100%" fill="#c83c3c"/></svg>`),
  );
  expect([image.width, image.height]).toEqual(size);
  const [x, y] = size.map((side) => Math.floor(side / 2));
  expect(at(x, y)).toEqual([0xc8, 0x3c, 0x3c]);
});

test('lengths in millimetres inside of a drawing agree with its size', async () => {
  const { at } = await pixelsOf(
    Buffer.from(`<svg ${ns} width="80mm" height="40mm">${halves.replaceAll('"40"', '"40mm"')}</svg>`),
  );
  expect([at(500, 256), at(524, 256)]).toEqual([
    [0xc8, 0x3c, 0x3c],
    [0x3c, 0xb4, 0x3c],
  ]);
});

test('other XML and HTML are no SVG', async () => {
  for (const text of [
    '<?xml version="1.0"?><feed/>',
    '<html><svg></svg></html>',
    `<!-- <svg> -->`,
    'svg <svg>',
    '<svgx/>',
  ])
    expect(() => decodableFormat(Buffer.from(text), 'x.svg')).toThrow(/not an image/);
});

test('an SVGZ that inflates without end is too large; one that is cut is truncated', async () => {
  const bomb = gzipSync(`<svg ${ns} width="80" height="40">${' '.repeat(80 * 2 ** 20)}</svg>`);
  await expect(openImage(bomb, 'x.svgz')).rejects.toMatchObject({ code: 'too-large' });
  const noise = Array.from({ length: 3000 }, (_, i) => `<rect x="${Math.sin(i)}"/>`).join('');
  const whole = gzipSync(`<svg ${ns} width="80" height="40">${noise}</svg>`);
  await expect(openImage(whole.subarray(0, whole.length / 2), 'x.svgz')).rejects.toMatchObject({ code: 'truncated' });
});
