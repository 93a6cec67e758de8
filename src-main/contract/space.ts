/** Arithmetic of search spaces: which parameters a point has, and values as places on axes from 0 to 1. */
import { clamp } from './numbers.ts';
import type { Assignment, Choice, Condition, Domain, Space } from './search.ts';

/** Whether the conditions hold. A parent that is missing itself has no value, so the condition does not hold. */
const holds = (when: Condition | undefined, values: Record<string, unknown>): boolean =>
  Object.entries(when ?? {}).every(([parent, choices]) => choices.includes(values[parent] as Choice));

/** Whether a point uses a parameter: its conditions hold for the values of its parents. */
export const isActive = ({ when }: Domain, point: Record<string, unknown>): boolean => holds(when, point);

/** The parameters of the space with parents before children. Throws an Error if conditions go in a circle. */
export function parentsFirst(space: Space): string[] {
  const out: string[] = [];
  const open = new Set<string>();
  const add = (name: string): void => {
    if (out.includes(name) || !space[name]) return;
    if (open.has(name)) throw new Error(`The condition of ‘${name}’ depends on itself.`);
    open.add(name);
    Object.keys(space[name].when ?? {}).forEach(add);
    open.delete(name);
    out.push(name);
  };
  Object.keys(space).forEach(add);
  return out;
}

/** The point without the parameters whose conditions do not hold. All parents are in the space (`reduceSpace`). */
export function activePart(space: Space, point: Assignment): Assignment {
  const out: Assignment = {};
  for (const name of parentsFirst(space)) if (holds(space[name].when, out) && name in point) out[name] = point[name];
  return Object.fromEntries(Object.keys(space).flatMap((name) => (name in out ? [[name, out[name]]] : [])));
}

/** The space without conditions on parameters that are not searched: with their values, those either always hold or their parameter is never used. */
export function reduceSpace(space: Space, fixed: Record<string, unknown>): Space {
  const out: Space = {};
  for (const [name, domain] of Object.entries(space)) {
    const onFixed = Object.entries(domain.when ?? {}).filter(([parent]) => !space[parent]);
    if (!holds(Object.fromEntries(onFixed), fixed)) continue;
    const onSearched = Object.entries(domain.when ?? {}).filter(([parent]) => space[parent]);
    const { when: _when, ...rest } = domain;
    out[name] = { ...rest, ...(onSearched.length && { when: Object.fromEntries(onSearched) }) } as Domain;
  }
  // A parameter whose searched parent is never used is never used itself.
  return Object.keys(out).length < Object.keys(space).length ? reduceSpace(out, fixed) : out;
}

/** The number of different values; Infinity for continuous ranges. */
export function countOf(domain: Domain): number {
  if (domain.type === 'categorical') return domain.choices.length;
  return domain.type === 'int' ? Math.floor((domain.high - domain.low) / (domain.step ?? 1)) + 1 : Infinity;
}

/** The place of a value: 0..1 for numbers (beyond them outside of the range), the index for categories. NaN for a value that is not of the domain's type. */
export function placeOf(domain: Domain, value: Choice): number {
  if (domain.type === 'categorical') return domain.choices.indexOf(value);
  if (typeof value !== 'number') return NaN;
  const { low, high, log } = domain;
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** A place within so much of a bound is the bound. */
const nearBound = 1e-6;

/** The value at a place. Whole numbers are rounded to the nearest one of the domain. */
export function valueAt(domain: Domain, place: number): Choice {
  if (domain.type === 'categorical') return domain.choices[clamp(Math.round(place), 0, domain.choices.length - 1)];
  const { low, high, log } = domain;
  // The bounds are exact, so that no dropout is 1e-11.
  const value =
    place >= 1 - nearBound
      ? high
      : place <= nearBound
        ? low
        : log
          ? low * (high / low) ** place
          : low + (high - low) * place;
  if (domain.type === 'float') return clamp(value, low, high);
  const step = domain.step ?? 1;
  return clamp(low + Math.round((value - low) / step) * step, low, low + (countOf(domain) - 1) * step);
}

/**
 * The value at a share 0..1 of the domain in which every value of a whole number or category has the same share: for random and quasi-random draws. (Rounding would give the
 * first and the last value half of it.)
 */
export function drawAt(domain: Domain, share: number): Choice {
  const below = Math.min(share, 1 - Number.EPSILON);
  if (domain.type === 'categorical') return domain.choices[Math.floor(below * domain.choices.length)];
  if (domain.type === 'float') return valueAt(domain, share);
  const count = countOf(domain);
  const { low, log, step = 1 } = domain;
  if (!log) return low + Math.floor(below * count) * step;
  // Each whole number owns the interval of half a step around it, on the logarithmic axis.
  const [from, to] = [Math.log(low - step / 2 > 0 ? low - step / 2 : low / 2), Math.log(low + (count - 0.5) * step)];
  return valueAt({ ...domain, log: false }, placeOf({ ...domain, log: false }, Math.exp(from + (to - from) * below)));
}

/** Short text of a value: at most four significant digits. */
export const valueText = (value: unknown): string =>
  typeof value === 'number' && !Number.isInteger(value)
    ? Math.abs(value) < 1e-3
      ? value.toExponential(2)
      : String(Number(value.toPrecision(4)))
    : String(value);

/** `learningRate=0.003 depth=4`, in the order of the space. */
export const pointText = (point: Assignment): string =>
  Object.entries(point)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ');
