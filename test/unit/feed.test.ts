/** The batches that a worker thread prepares equal the plan, byte for byte. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Pixels, range } from '../../src-main/compute/pixels.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { batchAt, batchesOf, stepsOf } from '../../src-main/compute/train/batches.ts';
import { startFeed, type FeedPlan } from '../../src-main/compute/train/feed.ts';
import { shiftAll, type Shifts } from '../../src-main/compute/train/shifts.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';
import { newFolder } from './compute-pictures.ts';

const sizePx = 16;

function noise(images: number, written = images): RowSet {
  const file = path.join(newFolder(), 'noise.u8');
  const next = random('feed', images);
  fs.writeFileSync(
    file,
    Uint8Array.from({ length: written * sizePx * sizePx * 3 }, () => next() * 256),
  );
  return { file, type: 'uint8', shape: [sizePx, sizePx, 3], rows: shuffle(range(0, images), random('rows')) };
}

/** The reference, pixel by pixel: the pixel at (x + dx, y + dy), with the border repeated, then mirrored if requested. */
function moved(bytes: Uint8Array, size: number, { shiftPx, flip }: Shifts, seed: number, step: number): Uint8Array {
  const next = random('augment', seed, step);
  const clamp = (v: number): number => Math.min(size - 1, Math.max(0, v));
  const out = bytes.slice();
  if (!shiftPx && !flip) return out;
  for (let image = 0; image < bytes.length; image += size * size * 3) {
    const [dx, dy] = [Math.round((next() * 2 - 1) * shiftPx), Math.round((next() * 2 - 1) * shiftPx)];
    const mirrored = flip && next() < 0.5;
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const from = image + (clamp(y + dy) * size + clamp((mirrored ? size - 1 - x : x) + dx)) * 3;
        out.set(bytes.subarray(from, from + 3), image + (y * size + x) * 3);
      }
    }
  }
  return out;
}

/** The batches that the feed should give, computed in one thread. */
function* expected(plan: FeedPlan): Generator<{ positions: Int32Array; bytes: Uint8Array }> {
  const pixels = new Pixels(plan.pixels);
  let step = plan.epoch * stepsOf(plan.train.length, plan.batch, plan.minSteps);
  for (let epoch = plan.epoch; epoch < plan.epochs; epoch++) {
    for (const positions of batchesOf(plan.train, plan.batch, plan.minSteps, plan.seed, epoch)) {
      yield { positions, bytes: moved(pixels.read(positions), sizePx, plan.make as Shifts, plan.seed, step++) };
    }
  }
  pixels.close();
}

/** Of batches as they are. */
const oneEpoch = { batch: 4, minSteps: 1, seed: 1, epoch: 0, epochs: 1, make: { shiftPx: 0, flip: false } };

describe('the feed', () => {
  const cases: [string, Partial<FeedPlan>][] = [
    ['as they are', {}],
    ['shifted', { make: { shiftPx: 3, flip: false }, seed: 5 }],
    ['shifted and mirrored, from epoch 3 on', { make: { shiftPx: 2, flip: true }, epoch: 3, epochs: 5 }],
    ['mirrored', { make: { shiftPx: 0, flip: true }, seed: 9 }],
    ['one image', { train: Int32Array.of(7), minSteps: 3 }],
  ];
  for (const [name, change] of cases) {
    it(`gives the batches of the plan: ${name}`, async () => {
      const plan: FeedPlan = {
        pixels: noise(30),
        train: range(2, 27),
        batch: 8,
        minSteps: 5,
        seed: 1,
        epoch: 0,
        epochs: 2,
        make: { shiftPx: 0, flip: false },
        ...change,
      };
      const feed = startFeed(plan);
      let batches = 0;
      for (const { positions, bytes } of expected(plan)) {
        const taken = await feed.take();
        expect([...taken.positions]).toEqual([...positions]);
        expect(Buffer.compare(taken.bytes, bytes)).toBe(0);
        expect([
          ...batchAt(
            plan.train,
            plan.batch,
            plan.minSteps,
            plan.seed,
            plan.epoch * stepsOf(plan.train.length, plan.batch, plan.minSteps) + batches,
          ),
        ]).toEqual([...positions]);
        batches++;
      }
      await expect(feed.take()).rejects.toThrow('The worker that makes batches has stopped.');
      await feed.close();
      expect(batches).toBe((plan.epochs - plan.epoch) * stepsOf(plan.train.length, plan.batch, plan.minSteps));
      expect(feed.waitedMs).toBeGreaterThan(0); // for the first one at least
    });
  }

  it.each([1, 2, 5, 16])(
    'shifts and mirrors images of %i px like the reference, differently at each step and for each image',
    (size) => {
      const next = random('images', size);
      const bytes = Uint8Array.from({ length: 4 * size * size * 3 }, () => next() * 256);
      const seen = new Set<string>();
      for (const shiftPx of [0, 1, 2, size + 2]) {
        for (let step = 0; step < 30; step++) {
          const out = bytes.slice();
          shiftAll(out, size, { shiftPx, flip: step % 3 > 0 }, 3, step);
          expect(Buffer.compare(out, moved(bytes, size, { shiftPx, flip: step % 3 > 0 }, 3, step))).toBe(0);
          seen.add(Buffer.from(out).toString('latin1'));
        }
      }
      if (size > 1) expect(seen.size).toBeGreaterThan(60);
    },
  );

  it('a truncated file is an error with a reason, also in the middle', async () => {
    const plan = { ...oneEpoch, train: range(0, 10) };
    const short = startFeed({ ...plan, pixels: noise(10, 9) });
    await expect(short.take()).rejects.toThrow(/ end before row 9\. Start again/);
    await short.close();
    const set = noise(400);
    const cut = startFeed({ ...plan, pixels: set, train: range(0, 400), epochs: 50 });
    await cut.take();
    fs.truncateSync(set.file, 1000);
    await expect(
      (async () => {
        for (;;) await cut.take();
      })(),
    ).rejects.toThrow(/ end before row \d+\. Start again/);
    await cut.close();
  });

  it('two feeds at once: taken batches stay valid while the threads prefetch; closing early stops the threads', async () => {
    const plan: FeedPlan = {
      ...oneEpoch,
      pixels: noise(50),
      train: range(0, 50),
      epochs: 1000,
      make: { shiftPx: 1, flip: false },
    };
    const feeds = [startFeed(plan), startFeed({ ...plan, seed: 2 })];
    const [a, b] = await Promise.all(feeds.map((feed) => feed.take()));
    expect([...a.positions]).not.toEqual([...b.positions]);
    const kept = { positions: a.positions.slice(), bytes: a.bytes.slice() };
    for (let i = 0; i < 200; i++) await feeds[1].take();
    expect(a).toEqual(kept);
    await Promise.all(feeds.map((feed) => feed.close()));
    // Prepared batches can still be taken; no more are prepared.
    for (const feed of feeds)
      await expect(
        (async () => {
          for (let i = 0; i < 5; i++) await feed.take();
        })(),
      ).rejects.toThrow('The worker that makes batches has stopped.');
  });

  it('closing it ends the wait for a batch', async () => {
    const feed = startFeed({ ...oneEpoch, pixels: noise(50), train: range(0, 50) });
    const [taken] = await Promise.allSettled([feed.take(), feed.close()]);
    expect(taken.status).toBe('rejected');
  });
});
