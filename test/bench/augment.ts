/**
 * Augmentation compared with torchvision's v2 transforms, interleaved in one run: one core each, then two worker threads against two processes. Each round gives
 * the ratio to the faster of torchvision's two implementations (PIL, tensors); the median counts. Also measures the time per training batch.
 * WINNOW_KERNELS=off measures JavaScript alone.
 *
 *     WINNOW_BENCH_PYTHON=python npm run bench -- augment [--rounds 15] [--seconds 0.4]     (torch, torchvision)
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { z } from 'zod';
import { loops } from '../../src-main/compute/augment/loops.ts';
import { applySteps, augmentationParameters, drawRecipe, type Recipe } from '../../src-main/compute/augment/recipe.ts';
import { random } from '../../src-main/compute/random.ts';
import { makeBatch } from '../../src-main/compute/train/examples.ts';

const recipes = ['randaugment', 'autoaugment-imagenet', 'custom'] as const;
const recipeOf = (policy: Recipe['policy']): Recipe => z.object(augmentationParameters).parse({ policy });
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

interface Job {
  size: number;
  recipe: (typeof recipes)[number];
  seconds: number;
}

let drawn = 0;
/** Images per second, including the random parameters. */
function rateOf({ size, recipe: name, seconds }: Job): number {
  const recipe = recipeOf(name);
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

interface Measurer {
  rateOf(job: Job, kind?: 'pil' | 'tensor'): Promise<number>;
  end(): void;
}

function thread(): Measurer {
  const worker = new Worker(new URL(import.meta.url));
  return {
    async rateOf(job) {
      worker.postMessage(job);
      return (await once(worker, 'message'))[0] as number;
    },
    end: () => void worker.terminate(),
  };
}

function peer(python: string): Measurer {
  const child = spawn(python, [path.join(import.meta.dirname, 'augment-peer.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async rateOf(job, kind) {
      child.stdin.write(`${JSON.stringify({ ...job, kind })}\n`);
      return Number((await lines.next()).value);
    },
    end: () => child.stdin.end(),
  };
}

/** The sum of all measurers, which run at the same time. */
async function sumOf(measurers: Measurer[], job: Job, kind?: 'pil' | 'tensor'): Promise<number> {
  const rates = await Promise.all(measurers.map((measurer) => measurer.rateOf(job, kind)));
  return rates.length ? rates.reduce((a, b) => a + b) : NaN;
}

async function compare(rounds: number, seconds: number): Promise<void> {
  const python = process.env.WINNOW_BENCH_PYTHON;
  const [threads, peers] = [[thread(), thread()], python ? [peer(python), peer(python)] : []];
  console.log(`${loops ? 'loops in C++' : 'loops in TypeScript'}, ${rounds} rounds of ${seconds} s, medians`);
  for (const workers of [1, 2]) {
    console.log(
      `\n${workers} against ${workers}\n\n| px | recipe | ours, images/s | torchvision on PIL images | on tensors | ratio to the faster |\n|---|---|---|---|---|---|`,
    );
    const [ours, theirs] = [threads.slice(0, workers), peers.slice(0, workers)];
    for (const size of [64, 224]) {
      for (const recipe of recipes) {
        const job = { size, recipe, seconds };
        await sumOf(ours, job);
        await sumOf(theirs, job, 'pil');
        const rates: { own: number; pil: number; tensor: number }[] = [];
        for (let round = 0; round < rounds; round++) {
          const before = round % 2 ? await sumOf(ours, job) : NaN;
          const [pil, tensor] = [await sumOf(theirs, job, 'pil'), await sumOf(theirs, job, 'tensor')];
          rates.push({ own: round % 2 ? before : await sumOf(ours, job), pil, tensor });
        }
        const of = (which: 'own' | 'pil' | 'tensor'): string =>
          String(Math.round(median(rates.map((rate) => rate[which]))));
        console.log(
          `| ${size} | ${recipe} | ${of('own')} | ${of('pil')} | ${of('tensor')} | ${median(rates.map(({ own, pil, tensor }) => own / Math.max(pil, tensor))).toFixed(2)} |`,
        );
      }
    }
  }
  for (const measurer of [...threads, ...peers]) measurer.end();
}

/** Milliseconds for a batch of 32 at 64 px, as the worker thread prepares it. */
function batchTime(): number {
  const [size, batch] = [64, 32];
  const next = random('rows');
  const rows = Uint8Array.from({ length: batch * size * size * 3 }, () => next() * 256);
  const positions = Int32Array.from({ length: batch }, (_, i) => i);
  const examples = {
    labels: positions,
    keys: positions,
    classes: batch,
    smoothing: 0.1,
    cropPx: size,
    recipe: recipeOf('randaugment'),
  };
  const [out, targets] = [new Uint8Array(rows.length), new Float32Array(batch * batch)];
  return median(
    Array.from({ length: 200 }, (_, view) => {
      const work = rows.slice();
      const began = performance.now();
      makeBatch(examples, work, size, positions, 1, view, view, out, targets);
      return performance.now() - began;
    }),
  );
}

if (isMainThread) {
  const { values: options } = parseArgs({
    options: { rounds: { type: 'string', default: '15' }, seconds: { type: 'string', default: '0.4' } },
  });
  await compare(Number(options.rounds), Number(options.seconds));
  console.log(
    `\nA batch of 32 at 64 px by RandAugment: ${batchTime().toFixed(2)} ms, in a thread of its own while the step before is at work.`,
  );
} else parentPort!.on('message', (job: Job) => parentPort!.postMessage(rateOf(job)));
