/**
 * Search strategies beside Optuna's samplers, interleaved in one run: the regret after a number of trials, which is the value at the best trial less the minimum, and the time of a suggestion after
 * 200 trials with 8 parameters. With noise, the best trial is the one that seems best, and the regret is that of its value without noise.
 *
 *     WINNOW_BENCH_PYTHON=python npm run bench -- search [--seeds 20] [--trials 50] [--functions branin,hartmann6,mixed]     (optuna, torch, scipy)
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { strategyOf } from '../../src-main/compute/search/index.ts';
import type { Observed } from '../../src-main/compute/search/strategy.ts';
import { fillNormal, random } from '../../src-main/compute/random.ts';
import { quantileOf } from '../../src-main/contract/statistics.ts';
import { functions } from './search-functions.ts';

const own = ['bayesian', 'sobol', 'random'];
const theirs = ['gp', 'tpe'];

/** The regret after each trial. */
function regretsOf(id: string, name: string, seed: number, trials: number): number[] {
  const { space, noise, value } = functions[name];
  const normal = fillNormal(new Float64Array(trials), random('bench noise', seed), noise);
  const observed: Observed[] = [];
  let [best, regret] = [Infinity, Infinity];
  return Array.from({ length: trials }, (_, i) => {
    const { parameters } = strategyOf(id)!.suggest({
      space,
      direction: 'minimise',
      observed,
      number: i + 1,
      seed,
      settings: {},
    });
    const exact = value(parameters!);
    const seen = exact + normal[i];
    observed.push({ number: i + 1, parameters: parameters!, state: 'done', value: seen });
    if (seen < best) [best, regret] = [seen, exact];
    return regret;
  });
}

/** Seconds of a suggestion after random trials. */
function secondsOf(name: string, seed: number, trials: number): number {
  const { space, value } = functions[name];
  const observed: Observed[] = [];
  const context = { space, direction: 'minimise' as const, observed, seed, settings: {} };
  for (let number = 1; number <= trials; number++) {
    const parameters = strategyOf('random')!.suggest({ ...context, number }).parameters!;
    observed.push({ number, parameters, state: 'done', value: value(parameters) });
  }
  const began = performance.now();
  strategyOf('bayesian')!.suggest({ ...context, number: trials + 1 });
  return (performance.now() - began) / 1000;
}

function peer(python: string) {
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const child = spawn(python, [path.join(import.meta.dirname, 'search-peer.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(job: object): Promise<number[]> {
      child.stdin.write(`${JSON.stringify(job)}\n`);
      return JSON.parse((await lines.next()).value as string) as number[];
    },
    end: () => child.stdin.end(),
  };
}

const text = (value: number): string => (value >= 0.01 && value < 1000 ? value.toPrecision(2) : value.toExponential(1));
const quartiles = (values: number[]): string => {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => text(quantileOf(sorted, q)));
  return `${middle} (${low}–${high})`;
};

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    trials: { type: 'string', default: '50' },
    functions: { type: 'string', default: 'branin,hartmann6,mixed' },
  },
});
const [seeds, trials] = [Number(options.seeds), Number(options.trials)];
const other = process.env.WINNOW_BENCH_PYTHON ? peer(process.env.WINNOW_BENCH_PYTHON) : null;
const peers = other ? theirs : [];

console.log(`Regret after ${trials} trials, ${seeds} seeds: median (quartiles)\n`);
console.log(`| function | ${[...own, ...peers.map((id) => `Optuna ${id}`)].join(' | ')} |`);
console.log(`|---|${'---|'.repeat(own.length + peers.length)}`);
for (const name of options.functions === 'all' ? Object.keys(functions) : options.functions.split(',')) {
  const found: Record<string, number[]> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    for (const id of own) (found[id] ??= []).push(regretsOf(id, name, seed, trials).at(-1)!);
    for (const sampler of peers)
      (found[sampler] ??= []).push((await other!.ask({ function: name, sampler, seed, trials, timed: false })).at(-1)!);
  }
  console.log(`| ${name} | ${[...own, ...peers].map((id) => quartiles(found[id])).join(' | ')} |`);
}

const times: Record<string, number[]> = { bayesian: [], ...Object.fromEntries(peers.map((id) => [id, []])) };
for (let seed = 1; seed <= 7; seed++) {
  times.bayesian.push(secondsOf('rosenbrock8', seed, 200));
  for (const sampler of peers)
    times[sampler].push((await other!.ask({ function: 'rosenbrock8', sampler, seed, trials: 200, timed: true }))[0]);
}
other?.end();
console.log('\nSeconds of a suggestion after 200 trials with 8 parameters, 7 seeds: median (quartiles)\n');
for (const [id, seconds] of Object.entries(times))
  console.log(`- ${id === 'bayesian' ? id : `Optuna ${id}`}: ${quartiles(seconds)}`);
