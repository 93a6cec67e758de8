/** The verdict on a file comes from its own bytes: neighbours that fail in the same process change neither its code nor its message. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findImages } from '../../src-main/image/find.ts';
import { openImage, toDecodeError } from '../../src-main/image/decode.ts';
import { makeThumb } from '../../src-main/image/pixels.ts';
import { blob, sharedSet } from '../fixtures/images.ts';

async function verdict(path: string, bytes: Buffer): Promise<string> {
  try {
    const { width, height } = await makeThumb(await openImage(bytes, path));
    return `${width} x ${height}`;
  } catch (error) {
    const { code, message } = toDecodeError(error, bytes);
    return `${code}: ${message}`;
  }
}

test('is the same alone, and beside damaged files that are read at the same time', async () => {
  const folder = sharedSet('nasty');
  const files: [string, Buffer][] = [];
  for await (const { path } of findImages(folder, {
    signal: new AbortController().signal,
    onIssue: () => {},
    isKnown: () => false,
  }))
    files.push([path, readFileSync(join(folder, path))]);
  const alone = new Map<string, string>();
  for (const [path, bytes] of files) alone.set(path, await verdict(path, bytes));
  expect([...alone.values()].filter((text) => text.startsWith('corrupt')).length).toBeGreaterThan(3);
  for (const order of [files, files.toReversed(), files.toSorted(([, a], [, b]) => a.length - b.length)]) {
    const together = await Promise.all(order.map(async ([path, bytes]) => [path, await verdict(path, bytes)] as const));
    expect(new Map(together)).toEqual(alone);
  }
}, 120_000);

test('names the part of a PNG whose checksum is wrong', async () => {
  const png = Buffer.from(await blob(1));
  png[png.indexOf('IDAT') + 12] ^= 0xff;
  expect(await verdict('x.png', png)).toBe(
    'corrupt: The image data is damaged (the checksum of its IDAT part is wrong).',
  );
});
