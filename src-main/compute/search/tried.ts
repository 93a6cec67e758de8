/** Which points of a space were tried. */
import type { Assignment, Space } from '../../contract/search.ts';
import type { Observed } from './strategy.ts';

/** Equal for two points with the same values, whatever their order. */
export const keyOf = (space: Space, point: Assignment): string =>
  JSON.stringify(Object.keys(space).map((name) => point[name] ?? null));

/** The keys of all trials, also of failed and pending ones. */
export const triedKeys = (space: Space, observed: readonly Observed[]): Set<string> =>
  new Set(observed.map(({ parameters }) => keyOf(space, parameters)));
