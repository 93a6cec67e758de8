/**
 * Learning-rate schedules, as records: each returns the factor of the highest rate at a step. A linear warm-up comes before each of them (Goyal et al. 2017).
 * The factor depends only on the step and the history of epochs, so that a resumed run continues exactly.
 */
import type { Moment } from './loop.ts';

export interface ScheduleParameters {
  /** `every`: for `step`, epochs between two reductions; for `plateau`, epochs without improvement before a reduction. `fall`: the factor of a reduction. */
  every: number;
  fall: number;
}

interface Schedule {
  id: string;
  /** `done`: 0 before the first step, 1 after the last. */
  factor(done: number, epoch: number, at: Moment, params: ScheduleParameters): number;
}

/** Half a cosine from 1 to 0 (Loshchilov & Hutter 2017). */
const falling = (done: number): number => 0.5 * (1 + Math.cos(Math.PI * done));

export const schedules = [
  { id: 'cosine', factor: falling },
  { id: 'constant', factor: () => 1 },
  { id: 'step', factor: (_done, epoch, _at, { every, fall }) => fall ** Math.floor(epoch / every) },
  // The same factor at each epoch; `fall` is reached in the last one.
  { id: 'exponential', factor: (_done, epoch, { epochs }, { fall }) => fall ** (epoch / Math.max(1, epochs - 1)) },
  // Smith & Topin 2018, as in fastai: up from 1/25 along a cosine over the first quarter, then down to nearly 0.
  {
    id: 'one-cycle',
    factor: (done) => (done < 0.25 ? 1 / 25 + (24 / 25) * falling(1 - done / 0.25) : falling((done - 0.25) / 0.75)),
  },
  {
    id: 'plateau',
    factor: (_done, _epoch, { history }, { every, fall }) =>
      fall **
      fallsOf(
        history.map(({ loss, valLoss }) => valLoss ?? loss),
        every,
      ),
  },
] as const satisfies readonly Schedule[];
export const scheduleIds = schedules.map(({ id }) => id);

/** The number of reductions on plateaus: one after each `every` epochs in a row without a lower loss (PyTorch's ReduceLROnPlateau without threshold). */
function fallsOf(losses: readonly number[], every: number): number {
  let [best, waited, falls] = [Infinity, 0, 0];
  for (const loss of losses) {
    if (loss < best) [best, waited] = [loss, 0];
    else if (++waited >= every) [waited, falls] = [0, falls + 1];
  }
  return falls;
}

/** The learning rate at a step. `highest`: the maximum of the schedule; `rise`: number of warm-up steps. */
export function rateOf(
  id: (typeof scheduleIds)[number],
  highest: number,
  rise: number,
  params: ScheduleParameters,
): (at: Moment) => number {
  const schedule: Schedule = schedules.find((known) => known.id === id)!;
  return (at) =>
    highest *
    Math.min(1, (at.step + 1) / rise) *
    schedule.factor(at.step / (at.steps * at.epochs), Math.floor(at.step / at.steps), at, params);
}
