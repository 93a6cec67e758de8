/**
 * Asynchronous successive halving (ASHA, Li et al. 2020), the variant without pauses (Optuna's SuccessiveHalvingPruner, Ray's stopping ASHA): at a few epochs, the rungs, only the
 * best third of all trials that came so far continues.
 */
import { valueText } from '../../contract/space.ts';
import { bestUntil } from './curves.ts';
import { defineStopper } from './stopper.ts';

const reduction = 3;
/** A curve of one epoch says too little. */
const firstRung = 2;

/** The epochs at which trials are compared, ascending: a third of all epochs, a ninth, and so on. */
export function rungsOf(allEpochs: number): number[] {
  const rungs = new Set<number>();
  for (let epoch = allEpochs / reduction; epoch > 1; epoch /= reduction)
    rungs.add(Math.max(firstRung, Math.ceil(epoch)));
  if (!rungs.size) rungs.add(firstRung); // of three epochs
  return [...rungs].filter((epoch) => epoch < allEpochs).reverse();
}

export const ashaStopper = defineStopper({
  id: 'asha',
  title: 'Successive halving (ASHA)',
  summary:
    'After a ninth and a third of the epochs, only the best third of the trials continues. Ends more trials than the median rule.',
  reason({ curve, allEpochs, others, direction }) {
    const epoch = curve.length;
    if (!rungsOf(allEpochs).includes(epoch)) return null;
    const best = bestUntil(curve, epoch, direction);
    const rivals = others.map((other) => bestUntil(other, epoch, direction)).filter((value) => value !== null);
    const trials = rivals.length + 1;
    if (best === null || trials < reduction) return null;
    const better = rivals.filter((value) => (direction === 'maximise' ? value > best : value < best));
    const places = Math.floor(trials / reduction);
    if (better.length < places) return null;
    const limit = better.sort((a, b) => (direction === 'maximise' ? b - a : a - b))[places - 1];
    return `Successive halving: after epoch ${epoch} its best value ${valueText(best)} is number ${better.length + 1} of ${trials} trials. The best ${places === 1 ? 'one continues, which has' : `${places} continue, which have at ${direction === 'maximise' ? 'least' : 'most'}`} ${valueText(limit)}.`;
  },
});
