/** Keeps the checkpoints of trials within the limit of the search: those of the best trials stay, so that they can become runs without training. */
import type { Objective, Trial } from '../../contract/search.ts';
import { bestFirst } from '../../contract/trials.ts';
import type { Executor } from './executor.ts';

/**
 * Removes the files of the worst trials until the rest fits into `limitBytes`, beside what open trials may still write: `reserveBytes` each. Returns the trials whose size
 * has changed.
 */
export function limitCheckpoints(
  executor: Executor,
  trials: readonly Trial[],
  objective: Objective,
  { limitBytes, reserveBytes }: { limitBytes: number; reserveBytes: number },
): Trial[] {
  const isOpen = ({ state }: Trial): boolean => state === 'running' || state === 'interrupted';
  let left = limitBytes - trials.filter(isOpen).length * reserveBytes;
  const ended = trials.filter((trial) => trial.bytes > 0 && !isOpen(trial)).sort(bestFirst(objective.direction));
  const changed: Trial[] = [];
  for (const trial of ended) {
    const canBeKept = trial.value !== null && trial.repeats === null;
    if (canBeKept && trial.bytes <= left) {
      left -= trial.bytes;
      continue;
    }
    executor.removeFiles(trial.id);
    changed.push({ ...trial, bytes: 0 });
  }
  return changed;
}
