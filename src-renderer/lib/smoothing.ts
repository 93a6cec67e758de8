/** Curves as they are drawn: smoothed, over epochs or over time, with gaps where a new fold starts. */
import type { Epoch } from '../../src-main/contract/types.ts';

export interface Point {
  x: number;
  y: number;
}

/**
 * The exponential moving average of TensorBoard: `weight` (0 to below 1) of the past, divided by the sum of the weights so far, so that the first values are not
 * drawn towards 0 (the correction of Kingma & Ba 2015). Values that are not finite are kept and do not count. Constant curves stay as they are.
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  const isConstant = values.every((value) => value === values[0]);
  if (weight <= 0 || isConstant) return [...values];
  let [last, count] = [0, 0];
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    count++;
    return last / (1 - weight ** count);
  });
}

export const curveNames = ['valLoss', 'valAccuracy', 'loss', 'accuracy', 'learningRate'] as const;
export type CurveName = (typeof curveNames)[number];
export const curveTitles: Record<CurveName, string> = {
  valLoss: 'validation loss',
  valAccuracy: 'validation accuracy',
  loss: 'training loss',
  accuracy: 'training accuracy',
  learningRate: 'learning rate',
};

/** One list of points for each fold; epochs without a value are left out. `by` seconds: the time of training until the end of the epoch. */
export function pointsOf(history: readonly Epoch[], name: CurveName, by: 'epoch' | 'seconds'): Point[][] {
  const parts: Point[][] = [];
  let [seconds, before] = [0, Infinity];
  for (const epoch of history) {
    seconds += epoch.seconds;
    if (epoch.epoch <= before) parts.push([]);
    before = epoch.epoch;
    const y = epoch[name];
    if (typeof y === 'number') parts[parts.length - 1].push({ x: by === 'epoch' ? epoch.epoch : seconds, y });
  }
  return parts.filter((part) => part.length);
}

/** The parts as one line, with gaps between them. */
export const joined = (parts: readonly Point[][], weight: number): Point[] =>
  parts.flatMap((part, i) => {
    const values = smoothed(
      part.map(({ y }) => y),
      weight,
    );
    return [...(i ? [{ x: NaN, y: NaN }] : []), ...part.map(({ x }, k) => ({ x, y: values[k] }))];
  });
