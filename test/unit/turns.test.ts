/** Trainings run one after the other, and later ones do not keep the results of earlier ones. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { startTurns } from '../../src-main/compute/turns.ts';

const never = new AbortController().signal;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('trainings run one after the other, also after one that failed or was cancelled while waiting', async () => {
  const inTurn = startTurns();
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = inTurn(never, async () => (await gate.promise, done.push('first')));
  const stop = new AbortController();
  const second = inTurn(stop.signal, async () => done.push('second')).catch((error: unknown) => error);
  const third = inTurn(never, async () => {
    done.push('third');
    throw new Error('it failed');
  }).catch((error: unknown) => error);
  const fourth = inTurn(never, async () => done.push('fourth'));
  stop.abort();
  expect(await second).toBeInstanceOf(Cancelled);
  expect(await inTurn(AbortSignal.abort(), async () => 0).catch((error: unknown) => error)).toBeInstanceOf(Cancelled);
  expect(done).toEqual([]); // the first is still running
  gate.resolve();
  expect(await third).toMatchObject({ message: 'it failed' });
  await Promise.all([first, fourth]);
  expect(done).toEqual(['first', 'third', 'fourth']);
});

test('results are released', async () => {
  const inTurn = startTurns();
  const results: WeakRef<object>[] = [];
  for (let i = 0; i < 5; i++)
    await inTurn(never, async () => new Float64Array(1000)).then((scores) => results.push(new WeakRef(scores)));
  for (let turn = 0; turn < 3; turn++) {
    await new Promise(setImmediate);
    collect();
  }
  expect(results.map((one) => one.deref())).toEqual(Array(5).fill(undefined));
});
