/** Searches for hyperparameters on the command line: their JSON, a kill in the middle, changes when they are resumed, scorers. */
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Importance, SearchState, Trial } from '../../src-main/contract/search.ts';
import type { Run } from '../../src-main/contract/types.ts';
import { holdOpen, start, untilTrial, winnow, winnowJson } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

interface SearchJson {
  schema: string;
  search: Pick<SearchState, 'objective' | 'ended' | 'verdict' | 'changes'> & {
    id: string;
    strategy: string;
    space: SearchState['request']['space'];
    notes: string[];
  };
  trials: Trial[];
  best: { trial: number; run: string } | null;
  importance: Importance[];
}

let folder: string;
beforeAll(async () => void (folder = await blobFolder()));
const newData = () => ({ WINNOW_DATA: temporaryFolder('data') });

const cnn = ['--model', 'cnn', '--size', '32', '--width', '4', '--depth', '2', '--dense', '8', '--policy', 'none'];
const space = JSON.stringify({
  learningRate: { type: 'float', low: 0.0002, high: 0.05, log: true },
  optimizer: { type: 'categorical', choices: ['adamw', 'sgd'] },
  momentum: { type: 'float', low: 0.5, high: 0.95, when: { optimizer: ['sgd'] } },
});
const search = (...more: string[]) => ['search', folder, ...cnn, '--space', space, '--repeat-best', '0', ...more];
/** What must not depend on an interruption. */
const essence = ({ trials }: SearchJson) =>
  trials.map(({ number, parameters, state, value, curve, expected }) => ({
    number,
    parameters,
    state,
    value,
    curve,
    expected,
  }));

describe('search', () => {
  test('reports trials, the best one as a run, and the verdict of the repeats', async () => {
    const data = newData();
    onTestFinished(await holdOpen(folder, data));
    const found = await winnowJson<SearchJson>(
      [...search('--epochs', '2', '--trials', '4', '--strategy', 'sobol'), '--repeat-best', '1', '--repeats', '2'],
      data,
    );
    expect(found.schema).toBe('winnow/search@1');
    expect(found.search).toMatchObject({ id: 'search-1', strategy: 'sobol', ended: 'All 4 trials are done.' });
    const own = found.trials.filter(({ repeats }) => repeats === null);
    expect(own.map(({ number, state }) => [number, state])).toEqual([1, 2, 3, 4].map((n) => [n, 'done']));
    expect(own[0]).toMatchObject({ origin: 'defaults', parameters: { learningRate: 0.002, optimizer: 'adamw' } });
    for (const { value, low, high, curve, parameters } of own) {
      expect(low).toBeLessThanOrEqual(value!);
      expect(high).toBeGreaterThanOrEqual(value!);
      expect(curve).toHaveLength(2);
      expect('momentum' in parameters).toBe(parameters.optimizer === 'sgd');
    }
    const repeats = found.trials.filter((trial) => trial.repeats !== null);
    expect(repeats.map(({ seed }) => seed)).toEqual(repeats.map((_, i) => (i < repeats.length / 2 ? 2 : 3)));
    expect(found.search.verdict!.message).not.toBe('');
    expect(found.best!.run).toBe('cnn-1');
    const { runs } = await winnowJson<{ runs: Run[] }>(['runs', folder], data);
    const kept = runs.find(({ id }) => id === 'cnn-1')!;
    const best = found.trials.find(({ number }) => number === found.best!.trial)!;
    expect(kept.state).toBe('done');
    expect(kept.parameters).toMatchObject(best.parameters);
    // The run has the same training as the trial: it was made from its checkpoint.
    expect(kept.history.map(({ valAccuracy }) => valAccuracy)).toEqual(best.curve);
    expect(kept.report.resumedFrom).toBe(2);
  });

  test('killed in a trial, it resumes in it from its checkpoint, and continues with the same suggestions', async () => {
    const args = search('--epochs', '12', '--trials', '6', '--stopper', 'median', '--seed', '5');
    const whole = await winnowJson<SearchJson>(args, newData());
    const data = newData();
    const { process: child, ended } = start([...args, '--quiet'], data);
    await untilTrial(data.WINNOW_DATA, 5, 4);
    child.kill('SIGKILL');
    await ended;
    const resumed = await winnowJson<SearchJson>(['search', folder, '--resume', 'search-1'], data);
    expect(essence(resumed)).toEqual(essence(whole));
    expect(resumed.best).toEqual(whole.best);
    // Not from the beginning: the epochs before the kill are in its time.
    const fifth = resumed.trials[4];
    expect(fifth.startedAt).toBeLessThan(resumed.trials[5].startedAt);
  });

  test('a resumed search has another budget and other bounds, and keeps what was before', async () => {
    const data = newData();
    onTestFinished(await holdOpen(folder, data));
    const first = await winnowJson<SearchJson>(search('--epochs', '1', '--trials', '3', '--strategy', 'random'), data);
    const narrower = JSON.stringify({ learningRate: { type: 'float', low: 0.001, high: 0.01, log: true } });
    const more = await winnowJson<SearchJson>(
      ['search', folder, '--resume', 'search-1', '--trials', '5', '--space', narrower],
      data,
    );
    expect(more.trials).toHaveLength(5);
    expect(more.trials.slice(0, 3).map(({ value }) => value)).toEqual(first.trials.map(({ value }) => value));
    for (const { parameters } of more.trials.slice(3)) {
      expect(Object.keys(parameters)).toEqual(['learningRate']);
      expect(parameters.learningRate).toBeGreaterThanOrEqual(0.001);
      expect(parameters.learningRate).toBeLessThanOrEqual(0.01);
    }
    expect(more.search.changes).toHaveLength(1);
    expect(more.search.changes[0]).toMatchObject({ afterTrial: 3, before: { budget: { trials: 3 } } });
    expect(more.search.changes[0].title).toMatch(/3 trials → 5 trials; space: learningRate, optimizer, momentum/);
  });

  test.each([
    ['pca', '{"components": {"type": "int", "low": 1, "high": 4}}', 'auroc'],
    ['mlp-ae', '{"width": {"type": "int", "low": 8, "high": 32, "log": true}}', 'validation-loss'],
  ])('searches the scorer %s', async (method, own, objective) => {
    const data = newData();
    const trained = method === 'mlp-ae' ? ['--epochs', '2', '--size', '32'] : [];
    const found = await winnowJson<SearchJson>(
      [
        'search',
        folder,
        '--method',
        method,
        '--train-on',
        method === 'pca' ? 'good/blob-0*' : '{good,other}/blob*',
        ...trained,
      ].concat(['--space', own, '--objective', objective, '--strategy', 'grid', '--trials', '2', '--repeat-best', '0']),
      data,
    );
    expect(found.search.objective.id).toBe(objective);
    expect(found.trials).toHaveLength(2);
    expect(found.best!.run).toBe(`${method}-1`);
    const { runs } = await winnowJson<{ runs: Run[] }>(['runs', folder], data);
    expect(runs.find(({ id }) => id === `${method}-1`)).toMatchObject({ state: 'done', kind: 'rank' });
  });

  test.each([
    [['--space', '{"learningRat": {"type": "float", "low": 0.1, "high": 1}}'], /no parameter ‘learningRat’/],
    [['--space', '{"learningRate": {"type": "float", "low": 1, "high": 0.1}}'], /lower bound must be below/],
    [
      ['--space', '{"optimizer": {"type": "categorical", "choices": ["adamw", "lion"]}}'],
      /‘optimizer’ must be one of adamw, adam, sgd, rmsprop; "lion" is not possible/,
    ],
    [
      ['--space', '{"momentum": {"type": "float", "low": 0.1, "high": 0.9, "when": {"optimizer": ["sgd"]}}}'],
      /‘momentum’ is never used: ‘optimizer’ is adamw/,
    ],
    [['--strategy', 'magic'], /no strategy ‘magic’\. Available: /],
    [['--objective', 'auroc'], /‘auroc’ cannot be judged here\. Available: accuracy/],
    [['--trials', 'none'], /would never end/],
    [['--split', '80,0,20'], /no validation images/],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await winnow(['search', folder, ...cnn, ...args], newData());
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
