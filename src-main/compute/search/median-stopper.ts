/** The median rule (Vizier, Golovin et al. 2017; Optuna's MedianPruner): a trial ends if its best value so far is worse than the median of the values that other trials had after the same epoch. */
import { medianOf } from '../../contract/statistics.ts';
import { valueText } from '../../contract/space.ts';
import { bestUntil, valueAfter } from './curves.ts';
import { defineStopper } from './stopper.ts';

/** Other trials with a value at the epoch, before any is ended. */
const fewestOthers = 5;
/** The first fifth of the epochs says little: learning rates still warm up. */
const warmUpShare = 0.2;

export const medianStopper = defineStopper({
  id: 'median',
  title: 'Median',
  summary: `Ends a trial whose best value so far is worse than the median of at least ${fewestOthers} other trials after the same epoch. The first fifth of the epochs is never judged.`,
  reason({ curve, allEpochs, others, direction }) {
    const epoch = curve.length;
    if (epoch <= Math.ceil(warmUpShare * allEpochs) || epoch >= allEpochs) return null;
    const best = bestUntil(curve, epoch, direction);
    const values = others.map((other) => valueAfter(other, epoch)).filter((value) => value !== null);
    if (best === null || values.length < fewestOthers) return null;
    const median = medianOf(values.sort((a, b) => a - b));
    const isWorse = direction === 'maximise' ? best < median : best > median;
    if (!isWorse) return null;
    const side = direction === 'maximise' ? 'below' : 'above';
    return `Median stopper: after epoch ${epoch} its best value ${valueText(best)} is ${side} the median ${valueText(median)} of ${values.length} trials.`;
  },
});
