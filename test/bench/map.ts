/**
 * Time and quality of the map. First the time to compute the layout of generated codes and to place more; then, on sets with known classes, how often
 * the ten nearest neighbours predict an image's class: among the codes, on the map, and for images placed into a map of the others. Run it as
 *
 *   npm run bench -- map [DATA] [--sets clothing-10,sign-digits] [--methods conv-ae] [--epochs 6] [--seeds 3] [--picture FOLDER]
 *
 * where DATA holds the sets; the default is the shared data beside the project. `--picture` renders each map with one colour per class.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { sharedData } from '../fixtures/images.ts';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { embed } from '../../src-main/compute/embed/codes.ts';
import { rowsOf } from '../../src-main/compute/embed/landmarks.ts';
import { layout } from '../../src-main/compute/embed/layout.ts';
import { nearest } from '../../src-main/compute/embed/neighbours.ts';
import { scaleWithFloor, standardise } from '../../src-main/compute/embed/standardise.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { fillNormal, random, shuffle } from '../../src-main/compute/random.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: 'clothing-10,sign-digits' },
    methods: { type: 'string', default: 'conv-ae' },
    epochs: { type: 'string', default: '6' },
    seeds: { type: 'string', default: '3' },
    picture: { type: 'string' },
  },
});
const data = positionals[0] ?? sharedData;
const yieldToEventLoop = async (): Promise<void> => undefined;
const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);
const k = 10;

console.log(await startBackend());
for (const count of [2000, 100_000]) await time(count);
for (const set of options.sets.split(',')) for (const method of options.methods.split(',')) await evaluate(set, method);

async function time(count: number): Promise<void> {
  const [size, groups] = [16, 20];
  const codes = fillNormal(new Float32Array(count * size), random('codes', count));
  const centres = fillNormal(new Float32Array(groups * size), random('centres'), 2);
  for (let i = 0; i < count; i++)
    for (let d = 0; d < size; d++) codes[i * size + d] += centres[(i % groups) * size + d];
  const [began, worked] = [performance.now(), process.cpuUsage()];
  let [last, longestMs] = [began, 0];
  const stages: string[] = [];
  const { xy, landmarks } = await serveCall(
    layout,
    { codes, size, seed: 1 },
    {
      onEvent: ({ stage }) => {
        if (!stages.at(-1)?.startsWith(stage)) stages.push(`${stage} from ${seconds(began)} s`);
        [longestMs, last] = [Math.max(longestMs, performance.now() - last), performance.now()];
      },
    },
  );
  const { user, system } = process.cpuUsage(worked);
  const whole = `${seconds(began)} s, ${((user + system) / 1e6).toFixed(1)} s of processor,`;
  const again = performance.now();
  const joining = codes.subarray(0, 100 * size).map((v) => v + 0.01);
  await serveCall(layout, {
    codes: joining,
    size,
    seed: 1,
    placed: { codes: rowsOf(codes, size, landmarks), xy: rowsOf(xy, 2, landmarks) },
  });
  console.log(
    `${count} codes of ${size}: ${whole} (${stages.join(', ')}); longest without progress ${(longestMs / 1000).toFixed(1)} s; 100 more ${seconds(again)} s; tensors left ${tf.memory().numTensors}`,
  );
}

async function evaluate(set: string, method: string): Promise<void> {
  const folder = path.join(data, set);
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(jpe?g|png)$/i.test(file))
    .sort();
  const classes = files.map((file) => file.split(path.sep)[0]);
  const runFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-bench-'));
  const file = path.join(runFolder, 'pixels.u8');
  const target = fs.openSync(file, 'w');
  for (const name of files)
    fs.writeSync(target, await makeRow(await openImage(fs.readFileSync(path.join(folder, name)), name), 64));
  fs.closeSync(target);
  const pixels = { file, type: 'uint8' as const, shape: [64, 64, 3], rows: range(0, files.length) };
  const params = method === 'pca' ? {} : { epochs: Number(options.epochs) };
  await serveCall(fit, {
    method,
    params,
    seed: 1,
    runFolder,
    images: pixels,
    train: range(0, files.length),
    areNormal: true,
    resume: false,
  });
  const began = performance.now();
  const { codes: raw, size } = await serveCall(embed, { runFolder, images: pixels });
  const encoding = seconds(began);
  fs.rmSync(runFolder, { recursive: true });

  const codes = standardise(raw, size, scaleWithFloor(raw, size));
  const [onMap, placed, here] = [[] as number[], [] as number[], [] as number[]];
  for (let seed = 1; seed <= Number(options.seeds); seed++) {
    const { xy } = await serveCall(layout, { codes: raw, size, seed });
    onMap.push(await agreement(xy, xy, 2, classes, classes));
    if (options.picture && seed === 1) await draw(path.join(options.picture, `${set}-${method}.png`), xy, classes);
    // A third of the images is added later.
    const order = shuffle(range(0, files.length), random('later', seed));
    const [first, later] = [
      order.subarray(0, Math.round((files.length * 2) / 3)),
      order.subarray(Math.round((files.length * 2) / 3)),
    ];
    const [classesFirst, classesLater] = [first, later].map((positions) => Array.from(positions, (p) => classes[p]));
    const there = {
      codes: rowsOf(raw, size, first),
      xy: (await serveCall(layout, { codes: rowsOf(raw, size, first), size, seed })).xy,
    };
    const joined = await serveCall(layout, { codes: rowsOf(raw, size, later), size, seed, placed: there });
    here.push(await agreement(there.xy, there.xy, 2, classesFirst, classesFirst));
    placed.push(await agreement(joined.xy, there.xy, 2, classesLater, classesFirst));
  }
  const show = (figures: number[]): string =>
    `${median(figures).toFixed(3)} (${Math.min(...figures).toFixed(3)}–${Math.max(...figures).toFixed(3)})`;
  const inCodes = [
    await agreement(raw, raw, size, classes, classes),
    await agreement(codes, codes, size, classes, classes),
  ].map((v) => v.toFixed(3));
  console.log(
    `${set.padEnd(12)} ${method.padEnd(8)} ${files.length} images, encoded in ${encoding} s; ${k}-NN class: codes ${inCodes[0]}, standardised ${inCodes[1]}, map ${show(onMap)}; of two thirds: map ${show(here)}, placed ${show(placed)}`,
  );
}

/** Fraction of rows whose class is predicted by the vote of their `k` nearest neighbours in `among`, without the row itself. */
async function agreement(
  rows: Float32Array,
  among: Float32Array,
  size: number,
  own: readonly string[],
  theirs: readonly string[],
): Promise<number> {
  const self = rows === among;
  const { indices, k: found } = await nearest(rows, among, size, k + Number(self), yieldToEventLoop);
  const right = own.filter((name, i) => {
    const votes = new Map<string, number>();
    for (const j of [...indices.subarray(i * found, (i + 1) * found)].filter((j) => !self || j !== i).slice(0, k))
      votes.set(theirs[j], (votes.get(theirs[j]) ?? 0) + 1);
    return [...votes].sort((a, b) => b[1] - a[1])[0][0] === name;
  });
  return right.length / own.length;
}

function median(figures: number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1];
}

async function draw(file: string, xy: Float32Array, classes: readonly string[]): Promise<void> {
  const names = [...new Set(classes)];
  const side = 800;
  const dots = classes.map((name, i) => {
    const [x, y] = [xy[i * 2], xy[i * 2 + 1]].map((v) => ((v + 1.05) / 2.1) * side);
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="hsl(${(360 * names.indexOf(name)) / names.length} 80% 45%)"/>`;
  });
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}"><rect width="100%" height="100%" fill="white"/>${dots.join('')}</svg>`,
    ),
  )
    .png()
    .toFile(file);
}
