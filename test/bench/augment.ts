/**
 * Augmentation beside torchvision's v2 transforms, on the same processor in one run: rounds in turn, the ratio of each round's rates, its median. One core
 * against one core. And what of a training step it takes.
 *
 *     WINNOW_BENCH_PYTHON=python npm run bench -- augment [--rounds 15] [--seconds 0.4]     (torch, torchvision)
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { loops } from '../../src-main/compute/augment/loops.ts';
import { applySteps, augmentationParameters, drawRecipe, type Recipe } from '../../src-main/compute/augment/recipe.ts';
import { random } from '../../src-main/compute/random.ts';
import { makeBatch } from '../../src-main/compute/train/examples.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' }, seconds: { type: 'string', default: '0.4' } } });
const [rounds, seconds] = [Number(options.rounds), Number(options.seconds)];
const python = process.env.WINNOW_BENCH_PYTHON;
const recipes = ['randaugment', 'autoaugment-imagenet', 'custom'] as const;
const recipeOf = (policy: Recipe['policy']): Recipe => z.object(augmentationParameters).parse({ policy });
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const peer = python ? spawn(python, [path.join(import.meta.dirname, 'augment-peer.py')], { stdio: ['pipe', 'pipe', 'inherit'] }) : null;
const lines = peer && createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
async function theirs(job: object): Promise<number> {
  if (!peer || !lines) return NaN;
  peer.stdin.write(`${JSON.stringify(job)}\n`);
  return Number((await lines.next()).value);
}

let drawn = 0;
/** Images a second, drawing and doing. */
function ours(size: number, recipe: Recipe): number {
  const next = random('bench', size);
  const image = Uint8Array.from({ length: size * size * 3 }, () => next() * 256);
  const work = new Uint8Array(image.length);
  const began = performance.now();
  let done = 0;
  for (; performance.now() - began < seconds * 1000; done += 10) {
    for (let i = 0; i < 10; i++) {
      work.set(image);
      applySteps(work, size, drawRecipe(recipe, size, random('bench', drawn++)));
    }
  }
  return (done / (performance.now() - began)) * 1000;
}

console.log(`${loops ? 'loops in C++' : 'loops in TypeScript'}, ${rounds} rounds of ${seconds} s, medians\n\n| px | recipe | ours, images/s | torchvision on PIL images | on tensors | ratio to the faster |\n|---|---|---|---|---|---|`);
for (const size of [64, 224]) {
  for (const name of recipes) {
    const recipe = recipeOf(name);
    ours(size, recipe);
    const rates: [number, number, number][] = [];
    for (let round = 0; round < rounds; round++) rates.push([ours(size, recipe), await theirs({ size, recipe: name, kind: 'pil', seconds }), await theirs({ size, recipe: name, kind: 'tensor', seconds })]);
    const of = (i: number): string => String(Math.round(median(rates.map((rate) => rate[i]))));
    console.log(`| ${size} | ${name} | ${of(0)} | ${of(1)} | ${of(2)} | ${median(rates.map(([own, pil, tensor]) => own / Math.max(pil, tensor))).toFixed(2)} |`);
  }
}
peer?.stdin.end();

// A batch of 32 at 64 px, as the worker makes it.
const [size, batch] = [64, 32];
const next = random('rows');
const rows = Uint8Array.from({ length: batch * size * size * 3 }, () => next() * 256);
const positions = Int32Array.from({ length: batch }, (_, i) => i);
const examples = { labels: positions, keys: positions, classes: batch, smoothing: 0.1, cropPx: size, recipe: recipeOf('randaugment') };
const [out, targets] = [new Uint8Array(rows.length), new Float32Array(batch * batch)];
const times = Array.from({ length: 200 }, (_, view) => {
  const work = rows.slice();
  const began = performance.now();
  makeBatch(examples, work, size, positions, 1, view, view, out, targets);
  return performance.now() - began;
});
console.log(`\nA batch of ${batch} at ${size} px by RandAugment: ${median(times).toFixed(2)} ms, in a thread of its own while the step before is at work.`);
