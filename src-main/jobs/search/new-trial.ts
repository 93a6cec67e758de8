/** A trial before it starts. */
import type { Trial } from '../../contract/search.ts';

export const newTrial = (
  search: string,
  number: number,
  given: Pick<Trial, 'parameters' | 'origin' | 'seed'> & Partial<Trial>,
): Trial => ({
  id: `${search}/${number}`,
  number,
  repeats: null,
  fold: null,
  state: 'running',
  value: null,
  low: null,
  high: null,
  curve: [],
  epochs: null,
  allEpochs: null,
  startedAt: Date.now(),
  endedAt: null,
  seconds: 0,
  reason: null,
  expected: null,
  bytes: 0,
  run: null,
  ...given,
});
