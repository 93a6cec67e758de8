/**
 * How the learning rate moves over a training, as records: each gives the share of the highest rate at a step. A short linear rise comes before any of
 * them (Goyal et al. 2017). Nothing but the step and what the epochs before it gave decides, so a resumed run goes on where it was.
 */
import type { Moment } from './loop.ts';

export interface ScheduleParameters {
  /** Epochs between two falls, and by how much it falls, of `step`; epochs without gain before it falls, of `plateau`. */
  every: number;
  fall: number;
}

interface Schedule {
  id: string;
  /** `done`: 0 before the first step, 1 after the last. */
  share(done: number, epoch: number, at: Moment, params: ScheduleParameters): number;
}

/** Down to nothing along half a cosine (Loshchilov & Hutter 2017): the end of a run is calm, whatever the seed. */
const falling = (done: number): number => 0.5 * (1 + Math.cos(Math.PI * done));

export const schedules = [
  { id: 'cosine', share: falling },
  { id: 'constant', share: () => 1 },
  { id: 'step', share: (_done, epoch, _at, { every, fall }) => fall ** Math.floor(epoch / every) },
  // Down to `fall` at the end of the training, by the same factor at each epoch.
  { id: 'exponential', share: (_done, epoch, { epochs }, { fall }) => fall ** (epoch / Math.max(1, epochs - 1)) },
  // Smith & Topin 2018, as fastai runs it: up from a 25th along a cosine over the first quarter, then down to nearly nothing.
  {
    id: 'one-cycle',
    share: (done) => (done < 0.25 ? 1 / 25 + (24 / 25) * falling(1 - done / 0.25) : falling((done - 0.25) / 0.75)),
  },
  {
    id: 'plateau',
    share: (_done, _epoch, { history }, { every, fall }) =>
      fall **
      fallsOf(
        history.map(({ loss, valLoss }) => valLoss ?? loss),
        every,
      ),
  },
] as const satisfies readonly Schedule[];
export const scheduleIds = schedules.map(({ id }) => id);

/** How often the loss has gone `every` epochs without becoming less, the count begun anew after each fall (PyTorch's ReduceLROnPlateau without threshold). */
function fallsOf(losses: readonly number[], every: number): number {
  let [best, waited, falls] = [Infinity, 0, 0];
  for (const loss of losses) {
    if (loss < best) [best, waited] = [loss, 0];
    else if (++waited >= every) [waited, falls] = [0, falls + 1];
  }
  return falls;
}

/** The learning rate at a step. `rise`: steps until the highest. */
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
    schedule.share(at.step / (at.steps * at.epochs), Math.floor(at.step / at.steps), at, params);
}
