/**
 * Decoding to squares of 64 and 224 px, as for a training: ours (native reader, or sharp with WINNOW_NATIVE=off) and torchvision's, alternating in one run, on all
 * cores. Prints images per second and CPU time per image.
 *
 *   WINNOW_PYTHON=/path/to/python npm run bench -- decode-rate [--set clothing-10] [--rounds 5]
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { sharedSet } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: { set: { type: 'string', default: 'clothing-10' }, rounds: { type: 'string', default: '5' } },
});
const folder = sharedSet(options.set);
const files = fs
  .readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.jpg'))
  .toSorted();
const sides = [64, 224];
const python = process.env.WINNOW_PYTHON;
const peers = python ? ['torchvision', 'pil'] : [];

interface Run {
  rate: number;
  cpu: number;
}

async function ours(side: number): Promise<Run> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  let next = 0;
  await Promise.all(
    Array.from({ length: os.availableParallelism() + 1 }, async () => {
      while (next < files.length) {
        const file = files[next++];
        await makeRow(await openImage(await fs.promises.readFile(path.join(folder, file)), file), side);
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return {
    rate: (files.length * 1000) / (performance.now() - began),
    cpu: (user + system) / 1000 / files.length,
  };
}

const theirs = (peer: string, side: number): Run =>
  JSON.parse(
    execFileSync(python as string, [path.join(import.meta.dirname, 'decode-rate.py'), peer, folder, String(side)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as Run;

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
for (const side of sides) {
  const runs: Record<string, Run[]> = Object.fromEntries(['winnow', ...peers].map((name) => [name, []]));
  await ours(side);
  for (let round = 0; round < Number(options.rounds); round++)
    for (const name of round % 2 ? Object.keys(runs).toReversed() : Object.keys(runs))
      runs[name].push(name === 'winnow' ? await ours(side) : theirs(name, side));
  console.log(
    `\n${options.set}: ${files.length} images to ${side} px, ${options.rounds} rounds; ratio = winnow / peer`,
  );
  console.table(
    Object.fromEntries(
      Object.keys(runs).map((name) => {
        const ratios = runs.winnow.map(({ rate }, i) => rate / runs[name][i].rate);
        const cpus = runs.winnow.map(({ cpu }, i) => runs[name][i].cpu / cpu);
        const shown = (all: number[]) =>
          `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)})`;
        return [
          name,
          {
            'images/s': Math.round(median(runs[name].map(({ rate }) => rate))),
            ratio: shown(ratios),
            'CPU, ms/image': Number(median(runs[name].map(({ cpu }) => cpu)).toFixed(2)),
            'ratio CPU': shown(cpus),
          },
        ];
      }),
    ),
  );
}
