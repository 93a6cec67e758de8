/** The batches that a worker thread makes ready are those that the plan says, byte for byte. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Pixels, range } from '../../src-main/compute/pixels.ts';
import type { PixelSet } from '../../src-main/compute/protocol.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { augment, batchesOf, stepsOf } from '../../src-main/compute/train/batches.ts';
import { startFeed, type FeedPlan } from '../../src-main/compute/train/feed.ts';
import { newFolder } from './compute-pictures.ts';

const sizePx = 16;

function noise(images: number, written = images): PixelSet {
  const file = path.join(newFolder(), 'noise.u8');
  const next = random('feed', images);
  fs.writeFileSync(file, Uint8Array.from({ length: written * sizePx * sizePx * 3 }, () => next() * 256));
  return { file, sizePx, channels: 3, rows: shuffle(range(0, images), random('rows')) };
}

/** What the feed should give, by the same rules in one thread. */
function* expected(plan: FeedPlan): Generator<{ positions: Int32Array; bytes: Uint8Array }> {
  const pixels = new Pixels(plan.pixels);
  let step = plan.epoch * stepsOf(plan.train.length, plan.batch, plan.minSteps);
  for (let epoch = plan.epoch; epoch < plan.epochs; epoch++) {
    for (const positions of batchesOf(plan.train, plan.batch, plan.minSteps, plan.seed, epoch)) {
      const bytes = new Uint8Array(positions.length * pixels.rowBytes);
      augment(pixels.read(positions), bytes, pixels, plan.augmentation, plan.seed, step++);
      yield { positions, bytes };
    }
  }
  pixels.close();
}

describe('the feed', () => {
  const cases: [string, Partial<FeedPlan>][] = [
    ['as they are', {}],
    ['shifted', { augmentation: { shiftPx: 3, flip: false }, seed: 5 }],
    ['shifted and mirrored, from epoch 3 on', { augmentation: { shiftPx: 2, flip: true }, epoch: 3, epochs: 5 }],
    ['one image', { train: Int32Array.of(7), minSteps: 3 }],
  ];
  for (const [name, change] of cases) {
    it(`gives what the plan says: ${name}`, async () => {
      const plan: FeedPlan = { pixels: noise(30), train: range(2, 27), batch: 8, minSteps: 5, seed: 1, epoch: 0, epochs: 2, augmentation: { shiftPx: 0, flip: false }, ...change };
      const feed = startFeed(plan);
      let batches = 0;
      for (const { positions, bytes } of expected(plan)) {
        const taken = await feed.take();
        expect([...taken.positions]).toEqual([...positions]);
        expect(Buffer.compare(taken.bytes, bytes)).toBe(0);
        batches++;
      }
      await feed.close();
      expect(batches).toBe((plan.epochs - plan.epoch) * stepsOf(plan.train.length, plan.batch, plan.minSteps));
      expect(feed.waitedMs).toBeGreaterThan(0); // for the first one at least
    });
  }

  it('a shift repeats the border, a mirror turns the row around', () => {
    const set = noise(1);
    const pixels = new Pixels(set);
    const bytes = pixels.read(Int32Array.of(0)).slice();
    const at = (b: Uint8Array, x: number, y: number): number[] => [...b.subarray((y * sizePx + x) * 3, (y * sizePx + x) * 3 + 3)];
    const clamp = (v: number): number => Math.min(sizePx - 1, Math.max(0, v));
    const seen = new Set<string>();
    for (let step = 0; step < 40; step++) {
      const out = new Uint8Array(bytes.length);
      augment(bytes, out, pixels, { shiftPx: 2, flip: true }, 3, step);
      const fits = [];
      for (let dx = -2; dx <= 2; dx++) for (let dy = -2; dy <= 2; dy++) for (const mirrored of [false, true]) {
        const same = Array.from({ length: sizePx * sizePx }, (_, i) => [i % sizePx, Math.floor(i / sizePx)]).every(([x, y]) => String(at(out, x, y)) === String(at(bytes, clamp((mirrored ? sizePx - 1 - x : x) + dx), clamp(y + dy))));
        if (same) fits.push(`${dx} ${dy} ${mirrored}`);
      }
      expect(fits).toHaveLength(1);
      seen.add(fits[0]);
    }
    expect(seen.size).toBeGreaterThan(15);
    pixels.close();
  });

  it('a file that is too short is an error with its reason, also in the middle', async () => {
    const plan = { train: range(0, 10), batch: 4, minSteps: 1, seed: 1, epoch: 0, epochs: 1, augmentation: { shiftPx: 0, flip: false } };
    const short = startFeed({ ...plan, pixels: noise(10, 9) });
    await expect(short.take()).rejects.toThrow('The pixel file holds 9 rows of 16 px, and row 9 is asked for.');
    await short.close();
    const set = noise(400);
    const cut = startFeed({ ...plan, pixels: set, train: range(0, 400), epochs: 50 });
    await cut.take();
    fs.truncateSync(set.file, 1000);
    await expect((async () => { for (;;) await cut.take(); })()).rejects.toThrow('The pixel file ended early.');
    await cut.close();
  });

  it('two at once, ended early', async () => {
    const plan: FeedPlan = { pixels: noise(50), train: range(0, 50), batch: 4, minSteps: 1, seed: 1, epoch: 0, epochs: 1000, augmentation: { shiftPx: 1, flip: false } };
    const feeds = [startFeed(plan), startFeed({ ...plan, seed: 2 })];
    const [a, b] = await Promise.all(feeds.map((feed) => feed.take()));
    expect([...a.positions]).not.toEqual([...b.positions]);
    await Promise.all(feeds.map((feed) => feed.close()));
  });
});
