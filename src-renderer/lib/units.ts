/** The units of a surveyed layer, sorted, and what is remarkable about them. */
import type { LayerSurvey } from '../../src-main/contract/inside.ts';

type Units = LayerSurvey['units'];
export type UnitOrder = 'number' | 'mean' | 'max' | 'silent' | 'saturated' | 'selectivity';

/** The highest first, by number the lowest; units without a value are last. */
export function sortedUnits(units: Units, by: UnitOrder): number[] {
  const all = units.map((_, unit) => unit);
  if (by === 'number') return all;
  const value = (unit: number) => units[unit][by] ?? -Infinity;
  return all.sort((a, b) => (value(b) > value(a) ? 1 : value(b) < value(a) ? -1 : a - b));
}

/** Saturated for more than half of its values. */
const saturatedFrom = 0.5;

export function remarkable(units: Units): { dead: number; saturated: number | null; selective: number | null } {
  const count = (holds: (unit: Units[number]) => boolean) => units.filter(holds).length;
  return {
    dead: count(({ isDead }) => isDead),
    saturated: units.some(({ saturated }) => saturated !== null)
      ? count(({ saturated }) => (saturated ?? 0) > saturatedFrom)
      : null,
    selective: units.some(({ selectivity }) => selectivity !== null)
      ? count(({ selectivity }) => (selectivity ?? 0) >= 0.5)
      : null,
  };
}
