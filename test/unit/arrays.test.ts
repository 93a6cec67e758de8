/** Frames of typed arrays, cut anywhere by the network. */
import { expect, it } from 'vitest';
import { decodeFrames, encodeFrame, lastFrame, type Frame } from '../../src-main/contract/arrays.ts';

const frames: Frame[] = [
  { event: { done: 1, total: 2 }, arrays: {} },
  { event: { done: 2, total: 2 }, arrays: { image: Uint8Array.of(1, 2, 3), map: Float32Array.of(0.5, -Infinity) } },
  { result: { title: 'ß' }, arrays: { map: Float32Array.from({ length: 1000 }, (_, i) => i / 3) } },
];
const bytes = Buffer.concat(frames.map(encodeFrame));

async function* cut(size: number, all: Uint8Array = bytes): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < all.length; at += size) yield await Promise.resolve(all.subarray(at, at + size));
}

async function framesOf(chunks: AsyncIterable<Uint8Array>): Promise<Frame[]> {
  const found: Frame[] = [];
  for await (const frame of decodeFrames(chunks)) found.push(frame);
  return found;
}

it.each([1, 3, 5, 64, 4096, 1e6])('are the same in chunks of %i bytes', async (size) => {
  expect(await framesOf(cut(size))).toEqual(frames);
});

it('a stream that ends within a frame, or before the result, is an error', async () => {
  await expect(framesOf(cut(64, bytes.subarray(0, -1)))).rejects.toThrow(/ended early/);
  await expect(lastFrame(cut(64, encodeFrame(frames[0])))).rejects.toThrow(/ended early/);
});

it('large frames take time in proportion to their size', async () => {
  const seconds = async (length: number): Promise<number> => {
    const large = encodeFrame({ result: {}, arrays: { map: new Float32Array(length) } });
    const before = performance.now();
    await lastFrame(cut(2048, large));
    return performance.now() - before;
  };
  await seconds(1e5);
  expect(await seconds(8e6)).toBeLessThan(2000); // joining all chunks again and again takes minutes
});
