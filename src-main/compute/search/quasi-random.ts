/** Quasi-random points of a space. */
import { activePart, drawAt } from '../../contract/space.ts';
import type { Assignment, Space } from '../../contract/search.ts';
import { digitalShift, sobolPoint } from './sobol.ts';

/** Point `number`, from 1, of the sequence with this seed. */
export function quasiRandomPoint(space: Space, seed: number, number: number): Assignment {
  const names = Object.keys(space);
  const shares = sobolPoint(number - 1, names.length, digitalShift(names.length, seed));
  return activePart(space, Object.fromEntries(names.map((name, d) => [name, drawAt(space[name], shares[d])])));
}
