/** Values of a trial's curve: the objective after each epoch. */
import type { Objective } from '../../contract/search.ts';

type Curve = readonly (number | null)[];

/** The value after this epoch, from 1; null if it is not known or not finite. */
export function valueAfter(curve: Curve, epoch: number): number | null {
  const value = curve[epoch - 1] ?? null;
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The best value after this epoch or an earlier one; null if the curve is shorter, or none is known. */
export function bestUntil(curve: Curve, epoch: number, direction: Objective['direction']): number | null {
  if (curve.length < epoch) return null;
  let best: number | null = null;
  for (let i = 1; i <= epoch; i++) {
    const value = valueAfter(curve, i);
    if (value !== null && (best === null || (direction === 'maximise' ? value > best : value < best))) best = value;
  }
  return best;
}
