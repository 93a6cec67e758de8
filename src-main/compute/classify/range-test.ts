/**
 * The learning-rate range test (Smith 2017): a new network is trained while the learning rate rises by the same factor at each step, from very low until the loss is
 * far above its minimum. A tenth of the rate with the least loss is a good maximum for a training.
 */
import type { RangeTest } from '../../contract/classifier.ts';
import { meanOf } from '../../contract/numbers.ts';
import { defineCall, type CallContext } from '../call.ts';
import type { Classifier } from '../models/index.ts';
import { pace } from '../pace.ts';
import { startFeed } from '../train/feed.ts';
import { trainStep } from '../train/loop.ts';
import { TrainState } from '../train/state.ts';
import { setUpTraining, type TrainingSetupArgs } from './training-setup.ts';

export interface RangeTestEvent {
  point: RangeTest['points'][number];
  total: number;
}

const steps = 120;
const [lowest, highest] = [1e-6, 10];
/** Decay of the exponential moving average of the loss. */
const memory = 0.9;

/** Emits each point as it is measured. Throws BadParameters, and Cancelled after a cancel. */
export const rangeTest = defineCall({
  inTurn: true,
  async run(args: TrainingSetupArgs, { signal, onEvent }: CallContext<RangeTestEvent>): Promise<RangeTest> {
    const yieldToEventLoop = pace(signal);
    const setup = await setUpTraining(args);
    const { params, network, transform, objective, examples, optimizer, pixels } = setup;
    const state = new TrainState<Classifier>(network, { optimizer, rateFactors: setup.rateFactors });
    const feed = startFeed({
      pixels: pixels.set,
      train: args.train,
      batch: params.batch || 32,
      minSteps: steps,
      seed: args.seed,
      epoch: 0,
      epochs: 1,
      make: examples,
    });
    const points: RangeTest['points'] = [];
    let [running, least] = [0, Infinity];
    try {
      for (; state.step < steps; state.step++) {
        const batch = await feed.take();
        const rate = lowest * (highest / lowest) ** (state.step / (steps - 1));
        const loss = await trainStep(
          state,
          {
            sizePx: transform.cropPx,
            objective: { loss: objective.loss },
            seed: args.seed,
            clip: params.clip || undefined,
          },
          batch,
          rate,
        );
        if (!Number.isFinite(loss)) return { points, suggested: suggest(points), stopped: 'diverged' };
        running = memory * running + (1 - memory) * loss;
        const smooth = running / (1 - memory ** (state.step + 1));
        const point = { rate, loss, smooth };
        points.push(point);
        onEvent({ point, total: steps });
        least = Math.min(least, smooth);
        if (state.step > 10 && smooth > 4 * least) return { points, suggested: suggest(points), stopped: 'diverged' };
        await yieldToEventLoop();
      }
      return { points, suggested: suggest(points), stopped: 'end' };
    } finally {
      await feed.close();
      state.dispose();
      setup.close();
    }
  },
});

/** A loss is averaged over this many steps before and after it, so that a single batch does not decide. */
const halfWindow = 6;

/**
 * The suggested rate: a tenth of the rate with the least loss, as is usual. At the minimum the loss is about to rise; a tenth below it falls fast. The steepest
 * descent is a worse guide: a network that starts with confident wrong predictions improves fast at any rate. Null if the loss falls by less than four standard
 * errors.
 */
export function suggest(points: RangeTest['points']): number | null {
  const smoothedLoss = (i: number): number =>
    meanOf(points.slice(i - halfWindow, i + halfWindow + 1).map(({ loss }) => loss));
  const means = points.slice(2 * halfWindow).map((_, i) => smoothedLoss(i + halfWindow));
  if (!means.length) return null;
  const least = means.reduce((best, value, i) => (value < means[best] ? i : best), 0);
  const first = points.slice(0, 2 * halfWindow + 1).map(({ loss }) => (loss - means[0]) ** 2);
  if (means[0] - means[least] <= 4 * Math.sqrt(meanOf(first) / first.length)) return null;
  return points[least + halfWindow].rate / 10;
}
