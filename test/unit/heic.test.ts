/** Damaged HEIC: its decoder leaves out parts without an error, and what was in memory is shown there. Such a picture is an issue; every other has the same pixels each time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { decodeHeic } from '../../src-main/image/decode-heic.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { decodeHeif } from '../../src-main/image/heif-library.ts';
import { random } from '../../src-main/compute/random.ts';
import { root } from '../fixtures/processes.ts';

const fixture = (name: string) => readFileSync(join(root, 'test', 'fixtures', 'heic', name));
const [whole, tiles] = [fixture('whole.heic'), fixture('tiles.heic')];

/** Zeros in the coded pictures, after the boxes. */
function damaged(file: Buffer, at: number, count: number): Buffer {
  const bytes = Buffer.from(file);
  const data = bytes.indexOf('mdat') + 4;
  return bytes.fill(0, data + at, data + at + count);
}
const hash = (data: NodeJS.TypedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
const verdict = async (bytes: Buffer) => {
  try {
    return hash((await decodeHeic(bytes)).data);
  } catch (error) {
    return (error as Error).message;
  }
};
const lacksPart = 'The image data is damaged (a part of the picture cannot be decoded).';

test('a picture of which a part cannot be decoded is damaged', async () => {
  for (const bytes of [damaged(whole, 400, 40), damaged(tiles, 4020, 40)])
    await expect(openImage(bytes, 'a.heic')).rejects.toMatchObject({ code: 'corrupt', message: lacksPart });
});

test('so is one without a tile', async () => {
  const bytes = Buffer.from(tiles);
  const data = bytes.indexOf('mdat') + 4;
  bytes.fill(0xff, data, data + 8); // the length of the first tile's data, and its kind
  expect(await verdict(bytes)).toMatch(/^The image data is damaged/);
});

test('a picture in another code is named', async () => {
  const bytes = Buffer.from(whole);
  bytes.write('unci', bytes.indexOf('hvc1', bytes.indexOf('infe')));
  await expect(openImage(bytes, 'a.heic')).rejects.toMatchObject({
    code: 'unsupported-format',
    message: 'Winnow does not read HEIF files with uncompressed pictures yet.',
  });
});

test('the verdict and the pixels do not depend on what was decoded before, nor on the thread', async () => {
  const next = random('heic', 1);
  const files = Array.from({ length: 24 }, (_, i) => {
    const file = i % 2 ? tiles : whole;
    return damaged(file, Math.floor(next() * (file.length - file.indexOf('mdat') - 60)), 1 + Math.floor(next() * 30));
  });
  const verdicts = async (some: Buffer[]) => {
    const found: string[] = [];
    for (const file of some) found.push(await verdict(file));
    return found;
  };
  const first = await verdicts(files);
  expect(first.filter((one) => one === lacksPart).length).toBeGreaterThan(8);
  expect(first.filter((one) => one.length > 1000).length).toBeGreaterThan(0); // wrong pixels, but none is left out
  expect((await verdicts(files.toReversed())).toReversed()).toEqual(first);
  const script = `import { parentPort, workerData } from 'node:worker_threads';
    import { decodeHeic } from ${JSON.stringify(new URL('../../src-main/image/decode-heic.ts', import.meta.url).href)};
    for (const file of workerData) try { parentPort.postMessage(Buffer.from((await decodeHeic(Buffer.from(file))).data.buffer).toString('latin1')); } catch (error) { parentPort.postMessage(error.message); }`;
  const other = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData: files });
  const answers: string[] = [];
  await new Promise((done, failed) => {
    other.on('message', (answer: string) => answers.push(answer));
    other.on('error', failed).on('exit', done);
  });
  expect(answers).toEqual(first);
});

test('whole pictures are read, also one of the colour that an empty memory has', async () => {
  expect(await decodeHeic(whole)).toMatchObject({ width: 512, height: 512, channels: 4, frames: 1 });
  expect(await decodeHeic(tiles)).toMatchObject({ width: 512, height: 512 });
  expect([...(await decodeHeic(fixture('green.heic'))).data.subarray(0, 4)]).toEqual([0, 119, 0, 255]);
  for (const file of [whole, tiles])
    expect(hash((await decodeHeif(file, false, 0)).data)).toBe(hash((await decodeHeif(file, false, 0x55)).data));
});

test('many files in one thread take no more memory than a few', async () => {
  const decode = async (times: number) => {
    for (let i = 0; i < times; i++) await decodeHeic(whole);
    return process.memoryUsage().rss;
  };
  const before = await decode(20);
  expect((await decode(100)) - before).toBeLessThan(400e6); // an instance takes 17 MB
});
