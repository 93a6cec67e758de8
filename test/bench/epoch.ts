/**
 * Training on a large set compared with a small one: images per second through the loop with its feed, and the memory of the process. The small
 * set repeats until `--images / 5` images have been seen, before and after one epoch of the large set. Prints a table and writes dist/bench/epoch.json.
 *
 *   npm run bench -- epoch [--images 100000]
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend } from '../../src-main/compute/backend.ts';
import { trainThrough } from '../fixtures/reference.ts';

const { values: options } = parseArgs({ options: { images: { type: 'string', default: '100000' } } });
const large = Number(options.images);
await startBackend();
await trainThrough(1000, 1);

const rows: Record<string, Record<string, number>> = {};
for (const [name, images, epochs] of [
  ['1,000 before', 1000, large / 5000],
  ['large', large, 1],
  ['1,000 after', 1000, large / 5000],
] as [string, number, number][]) {
  const held: number[] = [];
  let steps = 0;
  const { imagesPerSecond, waiting } = await trainThrough(images, epochs, () => {
    if (steps++ % 10 === 0) held.push(process.memoryUsage().rss / 2 ** 20);
  });
  const round = (value: number): number => Math.round(value * 10) / 10;
  rows[name] = {
    images,
    epochs,
    'images/s': round(imagesPerSecond),
    'waiting, %': round(waiting * 100),
    'held after a tenth, MiB': round(held[Math.floor(held.length / 10)]),
    'held at the end, MiB': round(held.at(-1)!),
    'most, MiB': round(Math.max(...held)),
  };
}
console.table(rows);
fs.mkdirSync(path.join('dist', 'bench'), { recursive: true });
fs.writeFileSync(path.join('dist', 'bench', 'epoch.json'), JSON.stringify(rows, null, 2));
