/** The points of a grid over a space, each once. Parameters whose conditions do not hold add none. */
import { clamp } from '../../contract/numbers.ts';
import { activePart, countOf, parentsFirst, valueAt } from '../../contract/space.ts';
import type { Assignment, Choice, Domain, Space } from '../../contract/search.ts';

/** The values of a domain on the grid, ascending and without repeats; one value is the middle. */
export function gridValues(domain: Domain, points: number): Choice[] {
  if (domain.type === 'categorical') return [...domain.choices];
  const count = Math.min(points, countOf(domain));
  const places = Array.from({ length: count }, (_, i) => (count === 1 ? 0.5 : i / (count - 1)));
  const values = places.map((place) => valueAt(domain, place) as number);
  // 0.001 instead of 0.0009999999999999998.
  return [...new Set(values.map((value) => clamp(Number(value.toPrecision(12)), domain.low, domain.high)))];
}

/** All points of the grid, one after the other. The first parameter varies fastest, since it matters most; parents vary more slowly than their children. */
export function* gridPoints(space: Space, points: number): Generator<Assignment> {
  const slowestFirst = parentsFirst(Object.fromEntries(Object.entries(space).reverse()));
  function* extend(point: Assignment, depth: number): Generator<Assignment> {
    const name = slowestFirst[depth];
    if (!name) {
      yield activePart(space, point);
      return;
    }
    const [first, ...rest] = gridValues(space[name], points);
    const extended = { ...point, [name]: first };
    yield* extend(extended, depth + 1);
    // Its conditions depend only on its parents, which have their values.
    if (!(name in activePart(space, extended))) return;
    for (const value of rest) yield* extend({ ...point, [name]: value }, depth + 1);
  }
  yield* extend({}, 0);
}
