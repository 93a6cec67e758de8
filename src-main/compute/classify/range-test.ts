/**
 * The learning-rate range test (Smith 2017): a fresh network is trained step by step with a rate that rises from almost nothing, by the same factor each
 * time, until the loss has grown far past its least. Where the smoothed loss falls fastest is a good highest rate.
 */
import type { RangeTest } from '../../contract/classifier.ts';
import type { Classifier } from '../models/index.ts';
import { pace } from '../pace.ts';
import type { RangeTestEvent, TrainArgs } from '../protocol.ts';
import { startFeed } from '../train/feed.ts';
import { trainStep } from '../train/loop.ts';
import { TrainState } from '../train/state.ts';
import { beginLesson } from './lesson.ts';

const steps = 120;
const [lowest, highest] = [1e-6, 10];
/** Of what came before, in the smoothed loss. */
const memory = 0.9;

export async function rangeTest(args: TrainArgs, signal: AbortSignal, onEvent: (event: RangeTestEvent) => void): Promise<RangeTest> {
  const breathe = pace(signal);
  const lesson = await beginLesson(args);
  const { params, network, transform, objective, examples, optimizer, pixels } = lesson;
  const state = new TrainState<Classifier>(network, { optimizer });
  const feed = startFeed({ pixels: pixels.set, train: args.train, batch: params.batch || 32, minSteps: steps, seed: args.seed, epoch: 0, epochs: 1, make: examples });
  const points: RangeTest['points'] = [];
  let [mean, least] = [0, Infinity];
  try {
    for (; state.step < steps; state.step++) {
      const batch = await feed.take();
      const rate = lowest * (highest / lowest) ** (state.step / (steps - 1));
      const loss = await trainStep(state, { sizePx: transform.cropPx, objective: { loss: objective.loss }, seed: args.seed, clip: params.clip || undefined }, batch, rate);
      if (!Number.isFinite(loss)) return { points, suggested: steepest(points), stopped: 'diverged' };
      mean = memory * mean + (1 - memory) * loss;
      const smooth = mean / (1 - memory ** (state.step + 1));
      const point = { rate, loss, smooth };
      points.push(point);
      onEvent({ point, total: steps });
      least = Math.min(least, smooth);
      if (state.step > 10 && smooth > 4 * least) return { points, suggested: steepest(points), stopped: 'diverged' };
      await breathe();
    }
    return { points, suggested: steepest(points), stopped: 'end' };
  } finally {
    await feed.close();
    state.dispose();
    lesson.close();
  }
}

/** The rate of the steepest fall before the least loss, over five steps each way so that one lucky batch does not decide; null where nothing falls. */
export function steepest(points: RangeTest['points']): number | null {
  const least = points.reduce((best, { smooth }, i) => (smooth < points[best].smooth ? i : best), 0);
  let [slope, at] = [0, -1];
  for (let i = 5; i + 5 <= least; i++) {
    const own = (points[i + 5].smooth - points[i - 5].smooth) / 10;
    if (own < slope) [slope, at] = [own, i];
  }
  return at < 0 ? null : points[at].rate;
}
