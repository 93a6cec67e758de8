/** Keeps the checkpoints of trials within the limit of the search: those of the best trials stay, so that they can become runs without training. */
import type { Objective, Trial } from '../../contract/search.ts';
import type { Executor } from './executor.ts';
import { isBetter } from './objectives.ts';

/**
 * Removes the files of the worst trials until the rest fits into `limitBytes`, beside what `open` trials may still write: `reserveBytes` each. Returns the trials whose size
 * has changed.
 */
export function limitCheckpoints(
  executor: Executor,
  trials: readonly Trial[],
  objective: Objective,
  { limitBytes, reserveBytes }: { limitBytes: number; reserveBytes: number },
): Trial[] {
  const sized = trials.map((trial) => ({ trial, bytes: trial.bytes }));
  const open = trials.filter(({ state }) => state === 'running' || state === 'interrupted').length;
  let left = limitBytes - open * reserveBytes;
  const ended = sized
    .filter(({ trial, bytes }) => bytes > 0 && trial.state !== 'running' && trial.state !== 'interrupted')
    .sort(({ trial: a }, { trial: b }) => order(a, b, objective));
  const changed: Trial[] = [];
  for (const { trial, bytes } of ended) {
    left -= bytes;
    if (left >= 0 && trial.value !== null && trial.repeats === null && trial.state !== 'failed') continue;
    left += bytes;
    executor.removeFiles(trial.id);
    changed.push({ ...trial, bytes: 0 });
  }
  return changed;
}

/** The best first; trials without a value last. */
function order(a: Trial, b: Trial, objective: Objective): number {
  if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
  return isBetter(objective, a.value, b.value) ? -1 : isBetter(objective, b.value, a.value) ? 1 : a.number - b.number;
}
