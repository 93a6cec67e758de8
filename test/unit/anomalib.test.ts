/** PaDiM and the memory of patches agree with anomalib's own code on stored features (`test/fixtures/anomalib-reference.py`). */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { openImages, type Patches } from '../../src-main/compute/anomaly/images.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { makeBank } from '../../src-main/compute/anomaly/patch-bank.ts';
import { nearestRows } from '../../src-main/compute/ops/nearest-rows.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { rankCorrelation } from '../../src-main/compute/rank-correlation.ts';
import { patchRowShape } from '../../src-main/rows/patch-rows.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';
import { newFolder } from './compute-pictures.ts';
import reference from '../fixtures/anomalib.json' with { type: 'json' };

const { train, side, channels } = reference;
const layout = { side, stages: [{ step: 1, channels }] };
let set: RowSet;
beforeAll(async () => {
  await startBackend();
  const bytes = Buffer.from(reference.features, 'base64');
  const values = new Float16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const images = values.length / side ** 2 / channels;
  const [length] = patchRowShape(layout);
  const rows = new Float16Array(images * length);
  for (let i = 0; i < images; i++) {
    rows.set([side, side], i * length);
    rows.set(values.subarray(i * (length - 2), (i + 1) * (length - 2)), i * length + 2);
  }
  const file = path.join(newFolder(), 'features.f16');
  fs.writeFileSync(file, new Uint8Array(rows.buffer));
  set = { file, type: 'float16', shape: [length], layout, rows: range(0, images) };
});

/** The maps of the images that were not trained on. */
async function mapsOf(id: string, settings: Record<string, unknown>): Promise<Float32Array[]> {
  const scorer = scorerOf(id)!;
  const images = openImages(scorer, { sizePx: 448 }, set);
  const { model } = await scorer.ready({ sizePx: 448, ...settings }).fit({
    ...{ seed: 1, images: images.reader, train: range(0, train), areNormal: true, checkpointFile: '', resume: false },
    onEvent: () => undefined,
    yieldToEventLoop: async () => undefined,
  });
  const maps: Float32Array[] = [];
  await images.forEachBlock(async (block, positions) => {
    const { maps: found } = await model.score(
      block,
      positions.map(() => -1),
    );
    positions.forEach((position, i) => {
      if (position >= train) maps.push(found!.values.slice(i * side ** 2, (i + 1) * side ** 2));
    });
  });
  model.dispose();
  images.close();
  return maps;
}
const flat = (maps: readonly ArrayLike<number>[]): number[] => maps.flatMap((map) => Array.from(map));
const most = (maps: readonly ArrayLike<number>[]): number[] => maps.map((map) => Math.max(...Array.from(map)));

it('PaDiM ranks patches and images as anomalib does', async () => {
  const maps = await mapsOf('padim', { features: channels, smoothing: 0 });
  expect(rankCorrelation(flat(maps), flat(reference.padim))).toBeGreaterThan(0.99);
  expect(rankCorrelation(most(maps), most(reference.padim))).toBeGreaterThan(0.99);
});

it('the memory of patches gives the distances of PatchCore', async () => {
  const all = await mapsOf('patch-memory', { neighbourhood: 'single', patches: train * side ** 2 });
  const [ours, theirs] = [flat(all), flat(reference.patchcore)];
  expect(rankCorrelation(ours, theirs)).toBeGreaterThan(0.999);
  // Ours are divided by what is usual.
  const unit = ours[0] / theirs[0];
  ours.forEach((value, i) => expect(value).toBeCloseTo(theirs[i] * unit, 3));
});

it('the selected patches cover the others as well as those that anomalib selects', async () => {
  const images = openImages(scorerOf('patch-memory')!, { sizePx: 448 }, set);
  const reader = images.reader as Patches;
  const count = train * side ** 2;
  const context = {
    images: reader,
    train: range(0, train),
    onEvent: () => undefined,
    yieldToEventLoop: async () => undefined,
  };
  const cover = async (seed: number): Promise<number> => {
    const bank = await makeBank(1, { sampled: count, kept: count / 4 }, { ...context, seed });
    const all = await makeBank(1, { sampled: count, kept: count }, { ...context, seed });
    const { distances } = await nearestRows(all.patches, bank.patches);
    tf.dispose([bank.patches, all.patches]);
    return Math.sqrt(Math.max(...distances));
  };
  expect(await cover(1)).toBeLessThan(1.25 * reference.coverage);
  images.close();
});
