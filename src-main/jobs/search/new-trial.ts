/** A trial before it starts, and the point of the defaults. */
import type { Assignment, Choice, SearchState, Trial } from '../../contract/search.ts';
import { activePart } from '../../contract/space.ts';

export const newTrial = (
  search: string,
  number: number,
  given: Pick<Trial, 'parameters' | 'origin' | 'seed'> & Partial<Trial>,
): Trial => ({
  id: `${search}/${number}`,
  number,
  repeats: null,
  fold: null,
  state: 'running',
  value: null,
  low: null,
  high: null,
  curve: [],
  epochs: null,
  allEpochs: null,
  startedAt: Date.now(),
  endedAt: null,
  seconds: 0,
  reason: null,
  expected: null,
  bytes: 0,
  run: null,
  ...given,
});

/** The fixed values of the searched parameters as a point; null if they lie outside of the space. */
export function defaultsIn({ request: { space }, fixed }: Pick<SearchState, 'request' | 'fixed'>): Assignment | null {
  const isIn = Object.entries(space).every(([name, domain]) => {
    const value = fixed[name];
    if (domain.type === 'categorical') return domain.choices.includes(value as Choice);
    return typeof value === 'number' && value >= domain.low && value <= domain.high;
  });
  return isIn ? activePart(space, fixed as Assignment) : null;
}
