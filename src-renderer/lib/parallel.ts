/** Parallel coordinates without a page: places of values on axes, brushes, and what the best lines have in common. A place is 0 at the foot of an axis and 1 at its top. */
import { clamp, largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import type { Choice, Domain } from '../../src-main/contract/search.ts';
import { placeOf, valueText } from '../../src-main/contract/space.ts';
import { quantileOf } from '../../src-main/contract/statistics.ts';

export interface ParallelAxis {
  id: string;
  title: string;
  domain: Domain;
}

export interface ParallelLine {
  id: string;
  label: string;
  /** One value per axis; null where the line has none: its branch is not used, or it is not known. The line has a gap there. */
  values: readonly (Choice | null)[];
  /** What the lines are coloured and compared by; null if there is no result. */
  score: number | null;
}

/** The part of an axis that a line must cross to pass, as places from low to high. By axis id. */
export type Brushes = Readonly<Record<string, readonly [low: number, high: number]>>;

export type Direction = 'maximise' | 'minimise';

/** Values are drawn on a logarithmic axis if the largest is at least this many times the smallest, and half of them are in the lowest part of the range. */
const logRatio = 50;
const lowestPart = 0.2;
/** The part of the best lines that is lit. */
const litShare = 0.2;

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** The axis of values without a known domain. Numbers that are all above 0 and far apart are placed by their logarithm. */
export function axisOfValues(id: string, title: string, values: readonly unknown[]): ParallelAxis {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length && known.every(isNumber)) {
    const sorted = known.toSorted((a, b) => a - b);
    const [low, middle, high] = [sorted[0], sorted[(sorted.length - 1) >> 1], sorted[sorted.length - 1]];
    const log = low > 0 && high / low >= logRatio && middle < low + lowestPart * (high - low);
    const type = known.every(Number.isInteger) ? 'int' : 'float';
    return { id, title, domain: { type, low, high, ...(log && { log }) } };
  }
  const choices = [...new Set(known.map((value) => choiceOf(value) as Choice))];
  return { id, title, domain: { type: 'categorical', choices: choices.sort(byText) } };
}

const byText = (a: Choice, b: Choice) => String(a).localeCompare(String(b), 'en', { numeric: true });

/** The axis of a searched parameter. It is longer than the domain where values lie outside: the bounds may have been changed since. */
export function axisOfDomain(id: string, title: string, domain: Domain, values: readonly unknown[]): ParallelAxis {
  if (domain.type === 'categorical') {
    const others = values.flatMap((value) => {
      const choice = choiceOf(value);
      return choice === null || domain.choices.includes(choice) ? [] : [choice];
    });
    return { id, title, domain: { ...domain, choices: [...domain.choices, ...new Set(others)] } };
  }
  const known = values.filter(isNumber).filter((value) => !domain.log || value > 0);
  return {
    id,
    title,
    domain: { ...domain, low: smallestOf(known, domain.low), high: largestOf(known, domain.high) },
  };
}

/** A value as an axis holds it: objects as text. */
export function choiceOf(value: unknown): Choice | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}

/** The place of a value, 0..1; NaN for no value and for values that the axis cannot hold, such as 0 on a logarithmic one. */
export function placeOn({ domain }: ParallelAxis, value: Choice | null): number {
  if (value === null) return NaN;
  const place = placeOf(domain, value);
  if (domain.type === 'categorical') return place < 0 ? NaN : (place + 0.5) / domain.choices.length;
  if (domain.low === domain.high) return value === domain.low ? 0.5 : NaN;
  return Number.isFinite(place) ? place : NaN;
}

/** Places of all lines on all axes; row-major by line. Lines that share a category are spread over its band, in the order of their scores, so that each can be followed. */
export function placesOf(axes: readonly ParallelAxis[], lines: readonly ParallelLine[]): Float64Array {
  const places = new Float64Array(axes.length * lines.length);
  lines.forEach(({ values }, i) =>
    axes.forEach((axis, a) => (places[i * axes.length + a] = placeOn(axis, values[a] ?? null))),
  );
  const byScore = lines.map((_, i) => i).sort((i, j) => (lines[i].score ?? -Infinity) - (lines[j].score ?? -Infinity));
  axes.forEach(({ domain }, a) => {
    if (domain.type !== 'categorical') return;
    for (const members of Map.groupBy(byScore, (i) => places[i * axes.length + a]).values())
      members.forEach((i, rank) => {
        places[i * axes.length + a] += (0.6 / domain.choices.length) * ((rank + 0.5) / members.length - 0.5);
      });
  });
  return places;
}

/** Which lines cross all brushed parts. A line without a value on a brushed axis does not. */
export const passing = (
  axes: readonly ParallelAxis[],
  lines: readonly ParallelLine[],
  brushes: Brushes,
  places = placesOf(axes, lines),
): boolean[] =>
  lines.map((_, i) =>
    axes.every(({ id }, a) => {
      const brush = brushes[id];
      const place = places[i * axes.length + a];
      return !brush || (place >= brush[0] && place <= brush[1]);
    }),
  );

const scored = (lines: readonly ParallelLine[]) => lines.flatMap(({ score }) => (isNumber(score) ? [score] : []));

/** The best fifth of the lines that have a score: at least one, and all that are as good as the last of them. */
export function litOf(lines: readonly ParallelLine[], direction: Direction): boolean[] {
  const scores = scored(lines).sort((a, b) => (direction === 'maximise' ? b - a : a - b));
  if (!scores.length) return lines.map(() => false);
  const limit = scores[Math.ceil(scores.length * litShare) - 1];
  return lines.map(({ score }) => isNumber(score) && (direction === 'maximise' ? score >= limit : score <= limit));
}

/** How good a line is, from 0 to 1: linear from the 10th percentile of the scores to the best one, so that a few failures do not use up the colours. NaN without a score. */
export function goodnessOf(
  lines: readonly ParallelLine[],
  direction: Direction,
): { of: number[]; ends: [number, number] | null } {
  const scores = Float64Array.from(scored(lines)).sort();
  if (!scores.length) return { of: lines.map(() => NaN), ends: null };
  const [worst, best] =
    direction === 'maximise'
      ? [quantileOf(scores, 0.1), scores.at(-1) as number]
      : [quantileOf(scores, 0.9), scores[0]];
  const span = best - worst || 1;
  return {
    of: lines.map(({ score }) => (isNumber(score) ? (best === worst ? 1 : clamp((score - worst) / span, 0, 1)) : NaN)),
    ends: [worst, best],
  };
}

/** Labels at the ticks of an axis, from its foot. All categories up to `most`; numbers at round values, and at both ends. */
export function ticksOf({ domain }: ParallelAxis, most = 6): { place: number; text: string }[] {
  if (domain.type === 'categorical') {
    const every = Math.ceil(domain.choices.length / (2 * most));
    return domain.choices.flatMap((choice, i) =>
      i % every ? [] : [{ place: (i + 0.5) / domain.choices.length, text: valueText(choice) }],
    );
  }
  const { low, high } = domain;
  if (low === high) return [{ place: 0.5, text: valueText(low) }];
  const placed = (value: number) => ({ place: placeOf(domain, value), text: valueText(value) });
  const inner = (domain.log ? logTicks(low, high, most) : linearTicks(low, high, most, domain.type === 'int'))
    .map(placed)
    .filter(({ place }) => place > 0.5 / most && place < 1 - 0.5 / most);
  return [placed(low), ...inner, placed(high)];
}

function linearTicks(low: number, high: number, most: number, isWhole: boolean): number[] {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const fit = [1, 2, 5, 10].map((m) => m * power).find((own) => own >= rough) ?? rough;
  const step = isWhole ? Math.max(1, Math.round(fit)) : fit;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(10)),
  );
}

function logTicks(low: number, high: number, most: number): number[] {
  const decades = Math.log10(high / low);
  const heads = decades < most / 3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / most));
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    if (power % every === 0) for (const head of heads) ticks.push(Number(`${head}e${power}`));
  return ticks.filter((value) => value > low && value < high);
}

/** What these lines have in common, for each axis on which they are close together: a range less than half of the axis, or one category for at least two of three. */
export function commonOf(axes: readonly ParallelAxis[], lines: readonly ParallelLine[]): string[] {
  if (lines.length < 2) return [];
  return axes.flatMap((axis, a) => {
    const values = lines.map(({ values: own }) => own[a] ?? null);
    const { domain, title } = axis;
    if (domain.type === 'categorical') {
      if (domain.choices.length < 2) return [];
      const [[top, members]] = [...Map.groupBy(values, (value) => value)].sort(([, x], [, y]) => y.length - x.length);
      if (top === null || members.length * 3 < lines.length * 2) return [];
      return [
        `${title} ${valueText(top)}${members.length < lines.length ? ` (${members.length} of ${lines.length})` : ''}`,
      ];
    }
    const places = values.map((value) => placeOn(axis, value)).filter((place) => !Number.isNaN(place));
    if (places.length < 2 || domain.low === domain.high || largestOf(places) - smallestOf(places) >= 0.5) return [];
    const known = values.filter(isNumber);
    const [low, high] = [valueText(smallestOf(known)), valueText(largestOf(known))];
    return [low === high ? `${title} ${low}` : `${title} ${low} – ${high}`];
  });
}
