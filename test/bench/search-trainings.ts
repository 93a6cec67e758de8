/**
 * Bayesian against random search on real trainings: short trials of a small network, several seeds. For each: the best validation accuracy of the trials, and the test accuracy
 * of the best one, which no trial has seen. Options: --rounds (seeds), --trials, --epochs.
 *   npm run bench -- search-trainings [--rounds 5] [--trials 20] [--epochs 6]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { wilsonInterval } from '../../src-main/contract/binomial.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import type { Trial } from '../../src-main/contract/search.ts';
import type { Run } from '../../src-main/contract/types.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    trials: { type: 'string', default: '20' },
    epochs: { type: 'string', default: '6' },
    sets: { type: 'string', default: 'sign-digits,clothing-10' },
  },
});
const root = resolve(import.meta.dirname, '..', '..');
const data = mkdtempSync(join(tmpdir(), 'winnow-search-'));

function winnow<Result>(args: string[]): Result {
  const file = join(data, 'out.json');
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'cli.ts'), ...args, '--quiet', '--json', file],
    { env: { ...process.env, WINNOW_DATA: data }, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`winnow ${args.join(' ')}: ${stderr}`);
  return JSON.parse(readFileSync(file, 'utf8')) as Result;
}

interface Outcome {
  validation: number;
  test: number;
  defaults: number;
}

const percent = (value: number): string => (100 * value).toFixed(1);
for (const set of values.sets.split(',')) {
  const folder = resolve(root, '..', 'shared', 'data', set);
  const outcomes: Record<string, Outcome[]> = { random: [], bayesian: [] };
  let images = 0;
  for (let seed = 1; seed <= Number(values.rounds); seed++)
    for (const strategy of ['random', 'bayesian']) {
      const { trials, best } = winnow<{ trials: Trial[]; best: { run: string } }>([
        ...['search', folder, '--model', 'cnn', '--size', '32', '--width', '16', '--epochs', values.epochs],
        ...['--strategy', strategy, '--trials', values.trials, '--seed', String(seed), '--repeat-best', '0'],
        '--no-warm-start',
      ]);
      const { runs } = winnow<{ runs: Run[] }>(['runs', folder]);
      const { accuracy, images: tested } = runs.find(({ id }) => id === best.run)!.classification!.evaluation!;
      images = tested;
      outcomes[strategy].push({
        validation: Math.max(...trials.flatMap(({ value }) => value ?? [])),
        test: accuracy.value,
        defaults: trials[0].value ?? NaN,
      });
      console.log(set, strategy, seed, JSON.stringify(outcomes[strategy].at(-1)));
    }
  console.log(`| ${set}, ${images} test images a seed | best validation | test | of each seed |`);
  for (const [strategy, list] of Object.entries(outcomes)) {
    const test = meanOf(list.map((one) => one.test));
    const { low, high } = wilsonInterval(test, images * list.length);
    console.log(
      `| ${strategy} | ${percent(meanOf(list.map(({ validation }) => validation)))} (defaults ${percent(meanOf(list.map(({ defaults }) => defaults)))}) | ${percent(test)} [${percent(low)} ${percent(high)}] | ${list.map((one) => percent(one.test)).join(', ')} |`,
    );
  }
  const differences = outcomes.bayesian.map(({ validation }, i) => validation - outcomes.random[i].validation);
  console.log(
    `bayesian − random, validation: mean ${percent(meanOf(differences))}, of each seed ${differences.map(percent).join(', ')}`,
  );
}
