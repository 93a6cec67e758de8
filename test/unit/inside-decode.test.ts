/** Images decoded from codes, of both autoencoders: ends of a line are the reconstructions, directions are principal, numbers are replaced. */
import { mkdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { reconstruct } from '../../src-main/compute/anomaly/map.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { decode, type DecodeArgs } from '../../src-main/compute/inside/decode.ts';
import { snapshotEpochs } from '../../src-main/compute/inside/snapshots.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { selectRows, type RowSet } from '../../src-main/rows/row-set.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { trainedClassifier } from '../fixtures/trained-classifier.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';

const count = 40;
const imageOf = (i: number) => ({ bytes: picture(i, i % 5 === 4), height: sizePx, width: sizePx });
let set: RowSet;
beforeAll(async () => {
  await startBackend();
  set = packed(
    Array.from({ length: count }, (_, i) => imageOf(i).bytes),
    newFolder(),
  );
});

async function trained(method: string, params: Record<string, unknown>): Promise<string> {
  const runFolder = newFolder();
  mkdirSync(runFolder, { recursive: true });
  await serveCall(fit, {
    method,
    params: { sizePx, epochs: 3, minSteps: 4, ...params },
    seed: 1,
    runFolder,
    images: set,
    train: range(0, count),
    areNormal: true,
    resume: false,
  } as Parameters<typeof fit.run>[0]);
  return runFolder;
}

describe.each([
  ['mlp-ae', { bottleneck: 4, width: 32 }],
  ['conv-ae', { width: 4, depth: 2 }],
])('%s', (method, params) => {
  let runFolder: string;
  beforeAll(async () => {
    runFolder = await trained(method, params);
  });
  const call = (of: DecodeArgs['of'], ids: number[]) =>
    serveCall(decode, { subject: { kind: 'ranking', runFolder }, of, images: ids.map(imageOf), folder: set });
  const bytesAt = ({ images }: { images: Uint8Array }, i: number) =>
    images.subarray(i * sizePx ** 2 * 3, (i + 1) * sizePx ** 2 * 3);
  const reconstruction = async (i: number) =>
    (await serveCall(reconstruct, { runFolder, images: selectRows(set, Int32Array.of(i)) })).reconstruction;

  it('keeps kernels of its epochs', () => expect(snapshotEpochs(runFolder)).toEqual([0, 1, 2, 3]));

  it('has the reconstructions at the ends of a line', async () => {
    await call({ kind: 'line', count: 2 }, [0, 4]); // loads the model
    const tensors = tf.memory().numTensors;
    const line = await call({ kind: 'line', count: 5 }, [0, 4]);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(line.header).toMatchObject({ sizePx, count: 5, labels: ['0 %', '25 %', '50 %', '75 %', '100 %'] });
    expect(bytesAt(line, 0)).toEqual(await reconstruction(0));
    expect(bytesAt(line, 4)).toEqual(await reconstruction(4));
    expect(bytesAt(line, 2)).not.toEqual(bytesAt(line, 0));
    if (method === 'conv-ae') expect(line.header.note).toMatch(/maps of the encoder \(first, encode0\/pool\)/);
    else expect(line.header).toMatchObject({ note: null, codes: { length: 5 }, ranges: { length: 4 } });
  });

  it('follows principal directions through the image', async () => {
    const { header, ...way } = await call({ kind: 'direction', direction: 0, count: 7 }, [0]);
    expect(header.labels).toEqual(['−3 σ', '−2 σ', '−1 σ', 'the image', '+1 σ', '+2 σ', '+3 σ']);
    expect(header.directions).toBe(method === 'conv-ae' ? 16 : 4);
    expect(bytesAt(way, 3)).toEqual(await reconstruction(0));
    const change = (a: number, b: number) =>
      bytesAt(way, a).reduce((sum, value, i) => sum + Math.abs(value - bytesAt(way, b)[i]), 0);
    expect(change(0, 3)).toBeGreaterThan(change(2, 3));
    await expect(call({ kind: 'direction', direction: 99, count: 3 }, [0])).rejects.toThrow(/no direction ‘99’/);
  });

  it('decodes near an image, the same for a seed', async () => {
    const near = await call({ kind: 'around', count: 3, seed: 2 }, [1]);
    expect(near.images).toEqual((await call({ kind: 'around', count: 3, seed: 2 }, [1])).images);
    expect(near.images).not.toEqual((await call({ kind: 'around', count: 3, seed: 3 }, [1])).images);
  });

  it('changes single numbers', async () => {
    const same = await call({ kind: 'code', numbers: {} }, [2]);
    expect(same.images).toEqual(await reconstruction(2));
    const other = await call({ kind: 'code', numbers: { 1: 5 } }, [2]);
    expect(other.images).not.toEqual(same.images);
    if (method === 'mlp-ae') {
      const [before, after] = [same, other].map(({ header }) => header.codes[0]);
      expect(after).toEqual([before[0], 5, before[2], before[3]]);
    }
    await expect(call({ kind: 'code', numbers: { 99: 1 } }, [2])).rejects.toThrow(/no (number|direction) ‘99’/);
  });

  it('has deviations that are those of the codes along the direction', async () => {
    if (method !== 'mlp-ae') return;
    const all = await Promise.all(
      Array.from({ length: count }, async (_, i) => (await call({ kind: 'code', numbers: {} }, [i])).header.codes[0]),
    );
    const steps = (await call({ kind: 'direction', direction: 0, count: 7 }, [0])).header.codes;
    const step = steps[4].map((value, i) => value - steps[3][i]);
    const length = Math.hypot(...step);
    const along = all.map((code) => code.reduce((sum, value, i) => sum + (value * step[i]) / length, 0));
    const mean = along.reduce((a, b) => a + b) / count;
    const deviation = Math.sqrt(along.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
    expect(length / deviation).toBeCloseTo(1, 3);
    // No other direction has a larger one.
    for (let number = 0; number < 4; number++) {
      const own = all.map((code) => code[number]);
      const ownMean = own.reduce((a, b) => a + b) / count;
      expect(Math.sqrt(own.reduce((sum, value) => sum + (value - ownMean) ** 2, 0) / count)).toBeLessThan(
        deviation * 1.0001,
      );
    }
  });
});

it('a network without a code says so', async () => {
  const runFolder = await trainedClassifier(set);
  await expect(
    serveCall(decode, {
      subject: { kind: 'classifier', runFolder },
      of: { kind: 'code', numbers: {} },
      images: [imageOf(0)],
      folder: set,
    }),
  ).rejects.toThrow(/Only autoencoders/);
});
