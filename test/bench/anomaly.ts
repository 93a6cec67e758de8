/**
 * How well the scorers find anomalies, on sets with known truth and on one class against the others: the area under the ROC curve by task and scorer, medians over
 * seeds with a bootstrap interval over the images; and for each choice of a default its mean over the sets that did not choose it (leave one set out).
 *
 *   npm run bench -- anomaly [DATA] [--tasks cookies,toy-aliens] [--methods conv-ae,pca] [--seeds 5] [--first-seed 1] [--set name=value]… [--fresh] [--md FILE]
 *
 * DATA holds the sets and `truth/`; the default is the shared data beside the project. `--tasks all` has each class as the normal one. Every training runs in a process
 * of its own. Results are kept in `dist/bench/anomaly/runs` and are not computed again without `--fresh`; `--md` writes the table.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { random } from '../../src-main/compute/random.ts';
import { auroc, medianOf, quantileOf } from '../../src-main/contract/statistics.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import { plantedPositions } from '../../src-main/jobs/fit-scorer.ts';
import { withSize } from '../../src-main/jobs/scorer-images.ts';
import { selectRows } from '../../src-main/rows/row-set.ts';
import { sharedData } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { inspectionSets, Sets, type Task } from './anomaly-tasks.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string', default: inspectionSets.join(',') },
    methods: { type: 'string', default: 'conv-ae' },
    seeds: { type: 'string', default: '5' },
    'first-seed': { type: 'string', default: '1' },
    set: { type: 'string', multiple: true, default: [] },
    fresh: { type: 'boolean', default: false },
    md: { type: 'string' },
    one: { type: 'string' },
  },
});

interface Result {
  task: string;
  method: string;
  seed: number;
  scores: number[];
  heldOut: number[];
  auroc: number;
  plantedAuroc: number | null;
  seconds: number;
  peakMemoryMiB: number;
  notes: string[];
}

const sets = new Sets(positionals[0] ?? sharedData);
const folder = path.resolve(import.meta.dirname, '..', '..', 'dist', 'bench', 'anomaly', 'runs');
fs.mkdirSync(folder, { recursive: true });
const changed = Object.fromEntries(
  options.set.map((text) => {
    const [name, value] = text.split('=');
    const number = Number(value);
    return [name, value === 'true' || value === 'false' ? value === 'true' : Number.isNaN(number) ? value : number];
  }),
);
const suffix = options.set.map((text) => `-${text.replace('=', '')}`).join('');
const fileOf = (task: string, method: string, seed: number): string =>
  path.join(folder, `${task.replace(':', '~')}-${method}${suffix}-${seed}.json`);

const scoreOf = ({ metric, truth }: Task, scores: ArrayLike<number>): number => {
  const odd = truth.flatMap((t, i) => (t === 1 ? [scores[i]] : []));
  const good = truth.flatMap((t, i) => (t === 0 ? [scores[i]] : []));
  return metric === 'auroc' ? auroc(odd, good) : averagePrecision(odd, good);
};

/** The mean precision at the ranks of the anomalies; of equal scores the normal images come first. */
function averagePrecision(odd: number[], good: number[]): number {
  const all = [...odd.map((score) => ({ score, is: 1 })), ...good.map((score) => ({ score, is: 0 }))];
  all.sort((a, b) => b.score - a.score || a.is - b.is);
  let [hits, sum] = [0, 0];
  all.forEach(({ is }, place) => is && (sum += ++hits / (place + 1)));
  return sum / hits;
}

async function runOne(name: string, method: string, seed: number): Promise<void> {
  await startBackend();
  const task = sets.task(name);
  const scorer = scorerOf(method);
  if (!scorer) throw new Error(`There is no scorer '${method}'.`);
  const params = withSize(scorer, scorer.ready({ stability: 0, ...changed }).params, task.files.length);
  const sizePx = scorer.sizePx(params) ?? 0;
  const rows = Int32Array.from(task.files);
  const images = selectRows(await sets.inputs(task.set, scorer.inputs, sizePx), rows);
  const train = Int32Array.from(task.train);
  const of = plantedPositions(train, seed);
  const planted = await sets.inputs(
    task.set,
    scorer.inputs,
    sizePx,
    seed,
    [...of].map((position) => task.files[position]),
  );
  const runFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-bench-'));
  const notes: string[] = [];
  const result = await serveCall(
    fit,
    {
      method,
      params,
      seed,
      runFolder,
      images,
      train,
      planted: { images: planted, of },
      areNormal: true,
      resume: false,
    },
    { onEvent: (event) => void ('message' in event && notes.push(event.message)) },
  );
  fs.rmSync(runFolder, { recursive: true });
  const { seconds, peakMemoryMiB, heldOut, report } = result;
  const written: Result = {
    ...{ task: name, method: `${method}${suffix}`, seed, notes, seconds, peakMemoryMiB },
    scores: Array.from(result.scores),
    heldOut: Array.from(heldOut),
    auroc: scoreOf(task, result.scores),
    plantedAuroc: report.plantedAuroc ?? null,
  };
  fs.writeFileSync(fileOf(name, method, seed), JSON.stringify(written));
}

/** 95 % bootstrap interval over the images. */
function bootstrap(task: Task, scores: readonly number[]): [number, number] {
  const next = random('bootstrap');
  const evaluated = task.truth.flatMap((t, i) => (Number.isNaN(t) ? [] : [i]));
  const figures = Float64Array.from({ length: 300 }, () => {
    const drawn = evaluated.map(() => evaluated[Math.floor(next() * evaluated.length)]);
    return scoreOf(
      { ...task, truth: drawn.map((i) => task.truth[i]) },
      drawn.map((i) => scores[i]),
    );
  })
    .filter(Number.isFinite)
    .sort();
  return [quantileOf(figures, 0.025), quantileOf(figures, 0.975)];
}

if (options.one) {
  const [name, method, seed] = options.one.split(' ');
  await runOne(name, method, Number(seed));
  process.exit(0);
}

const tasks = options.tasks === 'all' ? sets.allTasks() : options.tasks.split(',');
const methods = options.methods.split(',');
const first = Number(options['first-seed']);
const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => first + i);
const round = (x: number): string => x.toFixed(3).replace(/^0/, '');
const cells = new Map<string, { median: number; text: string; seconds: number; memory: number }>();
for (const name of tasks) {
  const task = sets.task(name);
  for (const method of methods) {
    const results = seeds.map((seed) => {
      const file = fileOf(name, method, seed);
      if (options.fresh || !fs.existsSync(file)) {
        const more = options.set.flatMap((text) => ['--set', text]);
        const { status, stderr } = spawnSync(
          process.execPath,
          [...process.execArgv, import.meta.filename, ...positionals, ...more, '--one', `${name} ${method} ${seed}`],
          { encoding: 'utf8', stdio: ['ignore', 'inherit', 'pipe'] },
        );
        if (status !== 0) throw new Error(`${name}, ${method}: ${stderr}`);
      }
      return JSON.parse(fs.readFileSync(file, 'utf8')) as Result;
    });
    const sorted = results.toSorted((a, b) => a.auroc - b.auroc);
    const middle = sorted[sorted.length >> 1];
    const [low, high] = bootstrap(task, middle.scores);
    const text = `${round(middle.auroc)} [${round(low)} ${round(high)}]${seeds.length > 1 ? `, ${round(sorted[0].auroc)}–${round(sorted.at(-1)!.auroc)}` : ''}`;
    const cell = {
      median: middle.auroc,
      text,
      seconds: medianOf(results.map(({ seconds }) => seconds).sort((a, b) => a - b)),
      memory: Math.max(...results.map(({ peakMemoryMiB }) => peakMemoryMiB)),
    };
    cells.set(`${name} ${method}`, cell);
    const planted = middle.plantedAuroc === null ? '–' : round(middle.plantedAuroc);
    console.log(
      `${name.padEnd(22)} ${method.padEnd(14)} ${text}  planted ${planted}  ${cell.seconds.toFixed(1)} s  ${Math.round(cell.memory)} MiB ${suffix}`,
    );
  }
}

const lines = [`| task | ${methods.join(' | ')} |`, `|---|${methods.map(() => '---|').join('')}`];
for (const name of tasks)
  lines.push(`| ${name} | ${methods.map((m) => cells.get(`${name} ${m}`)!.text).join(' | ')} |`);
const setOf = (name: string): string => name.split(':')[0];
const families = [...new Set(tasks.map(setOf))];
/** The mean over the tasks of a set. */
const ofSet = (set: string, method: string): number =>
  meanOf(tasks.filter((name) => setOf(name) === set).map((name) => cells.get(`${name} ${method}`)!.median));
if (methods.length > 1 && families.length > 1) {
  lines.push(
    '',
    '| left-out set | best on the others | its figure on the left-out set | best there |',
    '|---|---|---|---|',
  );
  const figures = families.map((set) => {
    const others = families.filter((other) => other !== set);
    const mean = (method: string): number => meanOf(others.map((other) => ofSet(other, method)));
    const chosen = methods.reduce((a, b) => (mean(b) > mean(a) ? b : a));
    const best = methods.reduce((a, b) => (ofSet(set, b) > ofSet(set, a) ? b : a));
    lines.push(`| ${set} | ${chosen} | ${round(ofSet(set, chosen))} | ${best} ${round(ofSet(set, best))} |`);
    return ofSet(set, chosen);
  });
  lines.push('', `Mean over the left-out sets: ${round(meanOf(figures))}.`);
}
lines.push('', `| | ${methods.join(' | ')} |`, `|---|${methods.map(() => '---|').join('')}`);
const overTasks = (what: 'seconds' | 'memory', digits: number): string =>
  methods.map((m) => Math.max(...tasks.map((name) => cells.get(`${name} ${m}`)![what])).toFixed(digits)).join(' | ');
lines.push(
  `| seconds, longest task | ${overTasks('seconds', 1)} |`,
  `| peak memory, MiB | ${overTasks('memory', 0)} |`,
);
console.log(`\n${lines.join('\n')}`);
if (options.md) fs.writeFileSync(options.md, `${lines.join('\n')}\n`);
