/**
 * The rate of the feed alone: images per second through the worker thread at 64 and 224 px, unchanged or shifted and mirrored, from a
 * small set and from 100,000 images, and the memory of the process before and after. A training uses some hundreds of images per second;
 * the feed should provide ten times that. Prints a table and writes dist/bench/feed.json.
 *
 *   node test/bench/feed.ts [--rounds 3] [--seconds 1]
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { range } from '../../src-main/compute/pixels.ts';
import { random } from '../../src-main/compute/random.ts';
import { startFeed } from '../../src-main/compute/train/feed.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '1' } },
});
const [rounds, seconds, batch] = [Number(options.rounds), Number(options.seconds), 32];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-feed-'));
const residentMiB = (): number => process.memoryUsage().rss / 2 ** 20;

const noise = ((): Buffer => {
  const next = random('feed');
  return Buffer.from(Uint8Array.from({ length: 2 ** 24 }, () => next() * 256));
})();

/** Writes the same 16 MiB repeatedly; the content does not affect the time to read it. */
function written(images: number, sizePx: number): RowSet {
  const file = path.join(folder, `${images}-${sizePx}.u8`);
  const target = fs.openSync(file, 'w');
  for (let left = images * sizePx ** 2 * 3; left > 0; left -= noise.length)
    fs.writeSync(target, noise, 0, Math.min(left, noise.length));
  fs.closeSync(target);
  return { file, type: 'uint8', shape: [sizePx, sizePx, 3], rows: range(0, images) };
}

interface Rate {
  /** Time until the first batch, including the start of the thread. */
  firstMs: number;
  imagesPerSecond: number;
  /** Growth of the process's memory. */
  grownMiB: number;
}

async function rateOf(pixels: RowSet, make: { shiftPx: number; flip: boolean }): Promise<Rate> {
  const before = residentMiB();
  const began = performance.now();
  const feed = startFeed({
    pixels,
    train: range(0, pixels.rows.length),
    batch,
    minSteps: 1,
    seed: 1,
    epoch: 0,
    epochs: Number.MAX_SAFE_INTEGER,
    make,
  });
  await feed.take();
  const first = performance.now();
  let images = 0;
  while (performance.now() - first < seconds * 1000) images += (await feed.take()).positions.length;
  const last = performance.now();
  const grownMiB = residentMiB() - before;
  await feed.close();
  return { firstMs: first - began, imagesPerSecond: (images / (last - first)) * 1000, grownMiB };
}

const cases = [
  [1_000, 64],
  [100_000, 64],
  [1_000, 224],
].flatMap(([images, sizePx]) => {
  const pixels = written(images, sizePx);
  return [
    { name: `${images} of ${sizePx} px, as they are`, pixels, make: { shiftPx: 0, flip: false } },
    { name: `${images} of ${sizePx} px, shifted`, pixels, make: { shiftPx: Math.round(0.05 * sizePx), flip: false } },
    {
      name: `${images} of ${sizePx} px, shifted and mirrored`,
      pixels,
      make: { shiftPx: Math.round(0.05 * sizePx), flip: true },
    },
  ];
});
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
try {
  const rates = Object.fromEntries(cases.map(({ name }) => [name, [] as Rate[]]));
  for (let round = 0; round < rounds; round++)
    for (const { name, pixels, make } of cases) rates[name].push(await rateOf(pixels, make));
  const result = Object.fromEntries(
    Object.entries(rates).map(([name, all]) => {
      const of = (key: keyof Rate): number => Math.round(median(all.map((rate) => rate[key])));
      return [
        name,
        { 'images/s': of('imagesPerSecond'), 'first batch, ms': of('firstMs'), 'memory grown, MiB': of('grownMiB') },
      ];
    }),
  );
  console.log(`batches of ${batch}, ${rounds} rounds; ${Math.round(residentMiB())} MiB held at the end`);
  console.table(result);
  fs.mkdirSync(path.join('dist', 'bench'), { recursive: true });
  fs.writeFileSync(
    path.join('dist', 'bench', 'feed.json'),
    JSON.stringify({ batch, rounds, seconds, residentMiB: residentMiB(), rates, ...result }, null, 2),
  );
} finally {
  fs.rmSync(folder, { recursive: true });
}
