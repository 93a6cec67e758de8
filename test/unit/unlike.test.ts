/** The normal patch that is nearest to a place of an image: planted and copied patches are found where they come from. */
import { beforeAll, describe, expect, it } from 'vitest';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { map, unlike } from '../../src-main/compute/anomaly/map.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { random } from '../../src-main/compute/random.ts';
import { modelFile } from '../../src-main/compute/run-files.ts';
import { readTensors, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { selectRows, type RowSet } from '../../src-main/rows/row-set.ts';
import { fitArgs, imagesFor, newFolder, picture, sizePx } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';

/** Copies a square of 16 pixels from one picture into another. `at` and `from`: its upper left corners. */
function copied(into: Uint8Array, from: Uint8Array, at: readonly [number, number], origin: readonly [number, number]) {
  const out = into.slice();
  for (let y = 0; y < 16; y++)
    for (let x = 0; x < 16; x++) {
      const [to, start] = [((at[1] + y) * sizePx + at[0] + x) * 3, ((origin[1] + y) * sizePx + origin[0] + x) * 3];
      out.set(from.subarray(start, start + 3), to);
    }
  return out;
}

const trained = 6;
const plain = Array.from({ length: trained }, (_, i) => picture(i));
/** Noise in a colour that occurs nowhere else: no two of its patches are equal. */
const noise = random('foreign', 1);
const foreign = Uint8Array.from({ length: sizePx ** 2 * 3 }, (_, at) => (at % 3 === 2 ? 255 : 255 * noise()));
/** A training image has a foreign square at the upper left. An image has a copy of it at the lower right, another one a square that no training image has. */
const marked = copied(plain[2], foreign, [0, 0], [0, 0]);
const normals = plain.map((image, i) => (i === 2 ? marked : image));
const copy = copied(picture(20), marked, [16, 16], [0, 0]);
const stranger = copied(
  picture(21),
  Uint8Array.from(foreign, (value) => 255 - value),
  [16, 0],
  [0, 0],
);

// In means over 3 × 3 patches no copy is exact, since its surroundings count.
const cases: [method: string, params: Record<string, unknown>, isExact: boolean][] = [
  ['patch-memory', { neighbourhood: 'single' }, true],
  ['patch-memory', {}, false],
  ['auto', {}, false],
];

describe.each(cases)('%s %j', (method, params, isExact) => {
  let images: RowSet;
  let runFolder: string;
  const of = (position: number, at: { x: number; y: number } | null = null) =>
    serveCall(unlike, { runFolder, images: selectRows(images, Int32Array.of(position)), at });

  beforeAll(async () => {
    await startBackend();
    runFolder = newFolder();
    images = imagesFor(scorerOf(method)!, [...normals, copy, stranger], runFolder);
    await serveCall(fit, fitArgs(method, images, runFolder, { train: range(0, trained), params }));
  });

  if (isExact)
    it('finds where a copied patch comes from', async () => {
      // The patch in the middle of the square: its features depend on the square alone.
      const found = await of(trained, { x: (16 + 8) / sizePx, y: (16 + 9) / sizePx });
      expect(found.sha256).toBe(images.sha256![2]);
      expect(found.here).toEqual({ x: 0.75, y: 0.75, width: 1 / 8, height: 1 / 8 });
      expect(found.there).toEqual({ x: 0.25, y: 0.25, width: 1 / 8, height: 1 / 8 });
      expect(found.distance).toBeLessThan(1e-3);
      expect(found.usual).toBeGreaterThan(0.01);
    });

  it('a foreign patch is far from all, and is where the map is highest', async () => {
    const found = await of(trained + 1);
    expect(found.distance).toBeGreaterThan(2 * found.usual);
    expect(found.here.x).toBeGreaterThanOrEqual(0.5);
    expect(found.here.y).toBeLessThan(0.5);
    expect(images.sha256!.slice(0, trained)).toContain(found.sha256);
  });

  it('a training image is compared with the others', async () => {
    for (const y of [0.1, 0.4, 0.9]) {
      const found = await of(2, { x: 0.2, y });
      expect(found.sha256).not.toBe(images.sha256![2]);
      expect(images.sha256!.slice(0, trained)).toContain(found.sha256);
    }
    // No other training image has the foreign square.
    expect((await of(2, { x: 0.3, y: 0.3 })).distance).toBeGreaterThan(0.1);
  });

  it('a model of an earlier version still gives its map, and says why it has no nearest patch', async () => {
    const file = modelFile(runFolder);
    const { header, arrays, ...others } = readTensors<Record<string, unknown>>(file)!;
    const { trained: _, ...former } = header;
    const kept = Object.entries(arrays).filter(([name]) => !/(origins|trained|shares)\d*$/.test(name));
    writeTensors(file, { ...others, header: former, arrays: Object.fromEntries(kept) });
    await forgetModels();
    const { map: drawn } = await serveCall(map, { runFolder, images: selectRows(images, Int32Array.of(0)) });
    expect(drawn.every(Number.isFinite)).toBe(true);
    await expect(of(trained)).rejects.toThrow(/earlier version of Winnow.*Rank again/);
  });
});

it('a copy of a training image keeps no patches of its own, and the image is not compared with it', async () => {
  const runFolder = newFolder();
  const images = imagesFor(scorerOf('patch-memory')!, [plain[0], plain[1], marked, plain[1], marked, copy], runFolder);
  const args = fitArgs('patch-memory', images, runFolder, { train: range(0, 5), params: { trimmed: 0.1 } });
  const { scores, heldOut, lost } = await serveCall(fit, args);
  expect([...heldOut]).toEqual([0, 1, 2]);
  expect([lost![3], lost![4]]).toEqual([lost![1], lost![2]]);
  expect([scores[3], scores[4]]).toEqual([scores[1], scores[2]].map((score) => expect.closeTo(score, 4) as number));
  // No other training image has the foreign square.
  const at = { x: 0.3, y: 0.3 };
  for (const position of [2, 4]) {
    const found = await serveCall(unlike, { runFolder, images: selectRows(images, Int32Array.of(position)), at });
    expect(found.sha256).not.toBe(images.sha256![2]);
    expect(found.distance).toBeGreaterThan(0.1);
  }
  for (let x = 0.05; x < 1; x += 0.1) {
    const place = { x, y: 0.5 };
    const found = await serveCall(unlike, { runFolder, images: selectRows(images, Int32Array.of(5)), at: place });
    expect(images.sha256!.slice(0, 3)).toContain(found.sha256);
  }
});

it('other methods say that they keep no patches', async () => {
  const runFolder = newFolder();
  const images = imagesFor(scorerOf('padim')!, normals, runFolder);
  await serveCall(fit, fitArgs('padim', images, runFolder));
  const args = { runFolder, images: selectRows(images, Int32Array.of(0)), at: { x: 0, y: 0 } };
  await expect(serveCall(unlike, args)).rejects.toThrow(/keeps no patches/);
});
