/**
 * The time to fit the memory of patches to 200 images and to score 160 at 320 px, from decoded pixels to scores, compared with PatchCore in PyTorch with the same network,
 * pixels and sizes on the same cores, interleaved in one run. Both compare single patches; Winnow also calibrates its distances. Prints a table of ratios.
 *
 *   WINNOW_BENCH_PYTHON=python npm run bench -- patch-memory [--rounds 3]     (torch, timm, numpy)
 *
 * `--memory 10000`: in place of that, the peak memory of a ranking of so many images. The rows of the set are repeated.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { Patches } from '../../src-main/compute/anomaly/images.ts';
import { patchMemory } from '../../src-main/compute/anomaly/patch-memory.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { patches, patchLayout, sideStep } from '../../src-main/compute/embed/patches.ts';
import { usual } from '../../src-main/compute/models/pretrained.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRectangle } from '../../src-main/image/pixels.ts';
import { patchRowShape } from '../../src-main/rows/patch-rows.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, memory: { type: 'string' } },
});
const [trained, scored, side, sampled, kept] = [200, 160, 320, 60_000, 4000];
const count = trained + scored;
const set = sharedSet('deep-pcb');
const files = fs
  .readdirSync(set, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(jpe?g|png)$/i.test(name))
  .sort((a, b) => Number(b.startsWith('train')) - Number(a.startsWith('train')))
  .slice(0, count);
const folder = temporaryFolder('bench');
const pixels = path.join(folder, 'pixels');
const out = fs.openSync(pixels, 'w');
for (const name of files) {
  const file = path.join(set, name);
  fs.writeSync(out, await makeRectangle(await openImage(fs.readFileSync(file), file), side, side));
}
fs.closeSync(out);
await startBackend();

/** Computes the features of all images and writes them as rows. */
async function makeRows(): Promise<RowSet> {
  const layout = patchLayout(usual, side);
  const file = path.join(folder, 'rows');
  const from = fs.openSync(pixels, 'r');
  const to = fs.openSync(file, 'w');
  const [block, imageBytes] = [20, side * side * 3];
  for (let at = 0; at < count; at += block) {
    const bytes = Buffer.alloc(block * (imageBytes + 2));
    for (let i = 0; i < block; i++) {
      bytes.set([side / sideStep, side / sideStep], i * (imageBytes + 2));
      fs.readSync(from, bytes, i * (imageBytes + 2) + 2, imageBytes, (at + i) * imageBytes);
    }
    fs.writeSync(to, await serveCall(patches, { model: usual.id, sizePx: side, bytes }));
  }
  fs.closeSync(from);
  fs.closeSync(to);
  return { file, type: 'float16', shape: patchRowShape(layout), layout, rows: range(0, count) };
}

interface Times {
  features: number;
  bank: number;
  score: number;
  all: number;
}

async function run(): Promise<Times> {
  const began = performance.now();
  const rows = await makeRows();
  const read = performance.now();
  const ready = patchMemory.ready({ sizePx: side, neighbourhood: 'single', patches: kept });
  const images = new Patches(rows);
  const { model } = await ready.fit({
    seed: 1,
    images,
    train: range(0, trained),
    areNormal: true,
    checkpointFile: '',
    resume: false,
    onEvent: () => undefined,
    yieldToEventLoop: async () => undefined,
  });
  const selected = performance.now();
  for (const block of images.upload(range(trained, count))) await model.score(block, new Int32Array(scored).fill(-1));
  const done = performance.now();
  model.dispose();
  images.close();
  const [features, bank, score, all] = [read - began, selected - read, done - selected, done - began];
  return { features: features / 1000, bank: bank / 1000, score: score / 1000, all: all / 1000 };
}

if (options.memory) {
  const images = Number(options.memory);
  const rows = { ...(await makeRows()), rows: Int32Array.from({ length: images }, (_, i) => i % count) };
  const { seconds, peakMemoryMiB } = await serveCall(fit, {
    method: 'patch-memory',
    params: { sizePx: side },
    seed: 1,
    runFolder: folder,
    images: rows,
    train: range(0, images),
    areNormal: true,
    resume: false,
  });
  console.log(`${images} images: ${seconds.toFixed(0)} s, peak ${Math.round(peakMemoryMiB)} MiB`);
} else {
  const python = process.env.WINNOW_BENCH_PYTHON;
  if (!python) console.log('WINNOW_BENCH_PYTHON is not set: name a Python with torch and timm to compare with it.');
  const peer = (): Times =>
    JSON.parse(
      execFileSync(
        python as string,
        [
          path.join(import.meta.dirname, 'patch-memory-peer.py'),
          pixels,
          ...[count, trained, side, sampled, kept].map(String),
        ],
        { encoding: 'utf8' },
      ),
    ) as Times;
  await run(); // warm up
  console.log('| round | part | Winnow, s | PyTorch, s | PyTorch / Winnow |\n|---|---|---|---|---|');
  for (let round = 1; round <= Number(options.rounds); round++) {
    const ours = await run();
    const theirs = python ? peer() : null;
    for (const part of ['features', 'bank', 'score', 'all'] as const)
      console.log(
        `| ${round} | ${part} | ${ours[part].toFixed(1)} | ${theirs?.[part].toFixed(1) ?? ''} | ${theirs ? (theirs[part] / ours[part]).toFixed(2) : ''} |`,
      );
  }
}
