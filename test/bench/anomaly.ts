/**
 * How well the scorers find anomalies: AUROC or average precision on sets with known truth, medians over seeds with a bootstrap
 * interval over the images. Run it as
 *
 *   npm run bench -- anomaly [DATA] [--sets cookies,toy-aliens] [--methods conv-ae,pca] [--seeds 5] [--first-seed 1] [--set name=value[,value…]]… [--json FILE]
 *
 * where DATA holds the sets and `truth/`; the default is the shared data beside the project. With several values of parameters, all combinations are tried.
 * Parameters that only change the score (pooling, quantile, smoothing, complexity) share one training.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sharedData } from '../fixtures/images.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { relativeToEntropy } from '../../src-main/compute/anomaly/complexity.ts';
import { scoreAll } from '../../src-main/compute/anomaly/fit.ts';
import { openImages } from '../../src-main/compute/anomaly/images.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { entropies } from '../../src-main/compute/entropy.ts';
import { range, type Pixels } from '../../src-main/compute/pixels.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';

interface Task {
  name: string;
  metric: 'auroc' | 'ap';
  paths: string[];
  train: number[];
  /** 1 anomalous, 0 good, NaN not evaluated. */
  truth: number[];
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: 'cookies,toy-aliens' },
    methods: { type: 'string', default: 'conv-ae' },
    seeds: { type: 'string', default: '5' },
    'first-seed': { type: 'string', default: '1' },
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});
const root = path.resolve(import.meta.dirname, '..', '..');
const data = positionals[0] ?? sharedData;
if (!fs.existsSync(path.join(data, 'truth'))) throw new Error(`There is no data with its truth at ${data}.`);
const cache = path.join(root, 'dist', 'bench', 'pixels');

function table(file: string): Record<string, string>[] {
  const [head, ...rows] = fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'));
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? ''])));
}

/** A set by name; `clothing-10:dress` takes one class as the good one and all others as anomalies. */
function taskOf(name: string): Task {
  const [set, normal] = name.split(':');
  const at = (p: string): string => path.join(data, set, p);
  const rows = table(path.join(data, 'truth', set, 'MANIFEST.tsv')).filter((r) => fs.existsSync(at(r.path)));
  const paths = rows.map((r) => at(r.path));
  if (normal) {
    // Two thirds of the class are training images. The other third is evaluated with twice as many images of other classes.
    const own = shuffle(
      rows.flatMap((r, i) => (r.class === normal ? [i] : [])),
      random('split', name),
    );
    const others = shuffle(
      rows.flatMap((r, i) => (r.class === normal ? [] : [i])),
      random('others', name),
    );
    const train = own.slice(0, Math.round((own.length * 2) / 3));
    const good = own.slice(train.length);
    const odd = others.slice(0, Math.max(30, good.length * 2));
    const used = [...train, ...good, ...odd];
    const truth = used.map((_, i) => (i < train.length ? NaN : i < own.length ? 0 : 1));
    return { name, metric: 'auroc', paths: used.map((i) => paths[i]), train: train.map((_, i) => i), truth };
  }
  if (set === 'dirty') {
    const odd = new Set(
      table(path.join(data, 'truth', set, 'dirty-truth.tsv'))
        .filter((r) => r.issue === 'out_of_domain')
        .map((r) => at(r.path)),
    );
    return { name, metric: 'ap', paths, train: paths.map((_, i) => i), truth: paths.map((p) => (odd.has(p) ? 1 : 0)) };
  }
  const truth = rows.map((r) =>
    r.path.startsWith('test/') && /^[01]$/.test(r.is_anomaly) ? Number(r.is_anomaly) : NaN,
  );
  return {
    name,
    metric: 'auroc',
    paths,
    train: rows.flatMap((r, i) => (r.path.startsWith('train/good/') ? [i] : [])),
    truth,
  };
}

async function pack(task: Task, sizePx: number): Promise<string> {
  const file = path.join(cache, `${task.name.replace(':', '-')}-${sizePx}.rgb`);
  if (fs.existsSync(file) && fs.statSync(file).size === task.paths.length * sizePx * sizePx * 3) return file;
  fs.mkdirSync(cache, { recursive: true });
  const rows: Buffer[] = [];
  for (const p of task.paths) rows.push(await makeRow(await openImage(fs.readFileSync(p), p), sizePx));
  fs.writeFileSync(file, Buffer.concat(rows));
  return file;
}

function auroc(scores: number[], truth: number[]): number {
  const odd = scores.filter((_, i) => truth[i] === 1);
  const good = scores.filter((_, i) => truth[i] === 0);
  return (
    odd.reduce((sum, o) => sum + good.reduce((s, g) => s + (o > g ? 1 : o === g ? 0.5 : 0), 0), 0) /
    (odd.length * good.length)
  );
}

function averagePrecision(scores: number[], truth: number[]): number {
  const order = scores.map((_, i) => i).sort((i, j) => scores[j] - scores[i] || truth[i] - truth[j]);
  let hits = 0;
  let sum = 0;
  order.forEach((sample, place) => truth[sample] === 1 && (sum += ++hits / (place + 1)));
  return sum / hits;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];

/** 95 % bootstrap interval over images, for the run with the median figure. */
function bootstrap(scores: number[], truth: number[], metric: typeof auroc): [number, number] {
  const next = random('bootstrap');
  const evaluated = truth.flatMap((t, i) => (Number.isNaN(t) ? [] : [i]));
  const figures = Array.from({ length: 300 }, () => {
    const drawn = evaluated.map(() => evaluated[Math.floor(next() * evaluated.length)]);
    return metric(
      drawn.map((i) => scores[i]),
      drawn.map((i) => truth[i]),
    );
  }).filter(Number.isFinite);
  figures.sort((a, b) => a - b);
  return [figures[Math.floor(figures.length * 0.025)], figures[Math.floor(figures.length * 0.975)]];
}

/** All combinations of the given values. */
function grid(settings: [string, unknown[]][]): Record<string, unknown>[] {
  return settings.reduce<Record<string, unknown>[]>(
    (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

const parsed = options.set.map((text): [string, unknown[]] => {
  const [name, values] = text.split('=');
  return [
    name,
    values
      .split(',')
      .map((v) => (v === 'true' || v === 'false' ? v === 'true' : Number.isFinite(Number(v)) ? Number(v) : v)),
  ];
});
const ofScore = ['pooling', 'quantile', 'smoothing', 'complexity'];
const trainings = grid(parsed.filter(([name]) => !ofScore.includes(name)));
const scorings = grid(parsed.filter(([name]) => ofScore.includes(name)));

console.log(await startBackend());
const results: Record<string, unknown>[] = [];
const runFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-bench-'));
for (const name of options.sets.split(',')) {
  const task = taskOf(name);
  for (const method of options.methods.split(',')) {
    const scorer = scorerOf(method);
    if (scorer?.inputs !== 'pixels') throw new Error(`There is no scorer '${method}' of pixels.`);
    for (const training of trainings) {
      const sizePx = scorer.sizePx(training)!;
      const file = await pack(task, sizePx);
      const rows = range(0, task.paths.length);
      const images = openImages(scorer, training, { file, type: 'uint8', shape: [sizePx, sizePx, 3], rows });
      const pixels = images.reader as Pixels;
      const yieldToEventLoop = async (): Promise<void> => undefined;
      const entropy = await entropies(pixels, yieldToEventLoop);
      const runs: { scores: number[]; figure: number }[][] = scorings.map(() => []);
      const seconds: number[] = [];
      const epochs: number[] = [];
      const first = Number(options['first-seed']);
      for (let seed = first; seed < first + Number(options.seeds); seed++) {
        const began = performance.now();
        const context = {
          seed,
          images: pixels,
          train: Int32Array.from(task.train),
          checkpointFile: path.join(runFolder, 'checkpoint.bin'),
          resume: false,
          onEvent: () => undefined,
          yieldToEventLoop,
        };
        const fitted = await scorer.ready(training).fit(context);
        seconds.push((performance.now() - began) / 1000);
        epochs.push(fitted.history?.length ?? 0);
        for (const [i, scoring] of scorings.entries()) {
          const { restore, params } = scorer.ready({ ...training, ...scoring });
          const model = restore((await fitted.model.tensors?.())?.arrays ?? {}); // the same weights with another score
          let { scores } = await scoreAll(model, images, yieldToEventLoop, () => undefined);
          model.dispose();
          if (params.complexity === 'entropy') scores = relativeToEntropy(scores, entropy, context.train);
          const metric = task.metric === 'auroc' ? auroc : averagePrecision;
          runs[i].push({ scores: [...scores], figure: metric([...scores], task.truth) });
        }
        fitted.model.dispose();
      }
      images.close();
      for (const [i, scoring] of scorings.entries()) {
        const figures = runs[i].map(({ figure }) => figure);
        const middle = runs[i].find(({ figure }) => figure === median(figures))!;
        const interval = bootstrap(middle.scores, task.truth, task.metric === 'auroc' ? auroc : averagePrecision);
        const settings = Object.entries({ ...training, ...scoring })
          .map(([k, v]) => `${k}=${v}`)
          .join(' ');
        const round = (x: number): string => x.toFixed(3);
        console.log(
          `${name.padEnd(22)} ${method.padEnd(8)} ${task.metric} ${round(median(figures))} [${interval.map(round).join(' ')}] seeds ${round(Math.min(...figures))}–${round(Math.max(...figures))}  ${median(seconds).toFixed(1)} s ${median(epochs)} epochs  ${settings}`,
        );
        results.push({
          set: name,
          method,
          metric: task.metric,
          median: median(figures),
          interval,
          figures,
          seconds: median(seconds),
          epochs: median(epochs),
          ...training,
          ...scoring,
        });
      }
    }
  }
}
fs.rmSync(runFolder, { recursive: true });
if (options.json) fs.writeFileSync(options.json, JSON.stringify(results, null, 2));
