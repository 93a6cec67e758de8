/**
 * Which images a map is laid out by when there are too many to lay out all. Three in four are drawn at random, so that the map is
 * dense where the images are; the rest are those that have the fewest like them among the drawn. Random ones alone leave a small odd group,
 * which is what one looks for here, no place of its own; farthest ones alone (Gonzalez 1985) turn the map into a picture of the outliers.
 */
import { hash } from 'node:crypto';
import { joined } from '../pixels.ts';
import { random, shuffle } from '../random.ts';
import { nearest } from './neighbours.ts';

const atRandom = 0.75;
/** So many drawn ones near by make a neighbourhood; a single one of a group does not stand for it. */
const neighbourhood = 15;

/** Positions in `codes`, rising; of equal codes the first stands for all. */
export async function chooseLandmarks(
  codes: Float32Array,
  size: number,
  atMost: number,
  seed: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Int32Array> {
  const distinct = distinctRows(codes, size);
  if (distinct.length <= atMost) return distinct;
  const drawn = shuffle(distinct.slice(), random('landmarks', seed)).subarray(0, Math.round(atMost * atRandom));
  const taken = new Set(drawn);
  const rest = distinct.filter((i) => !taken.has(i));
  const { k, distances } = await nearest(
    rowsOf(codes, size, rest),
    rowsOf(codes, size, drawn),
    size,
    neighbourhood,
    yieldToEventLoop,
  );
  const reach = (i: number): number => distances[i * k + k - 1];
  const byDistance = Array.from(rest.keys()).sort((a, b) => reach(b) - reach(a) || a - b);
  const far = byDistance.slice(0, atMost - drawn.length).map((i) => rest[i]);
  return joined(drawn, Int32Array.from(far)).sort();
}

export function rowsOf(values: Float32Array, size: number, positions: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const out = new Float32Array(positions.length * size);
  for (let i = 0; i < positions.length; i++)
    out.set(values.subarray(positions[i] * size, (positions[i] + 1) * size), i * size);
  return out;
}

function distinctRows(codes: Float32Array, size: number): Int32Array {
  const first = new Map<string, number>();
  for (let i = 0; i < codes.length / size; i++) {
    const key = hash('sha256', codes.subarray(i * size, (i + 1) * size), 'base64');
    if (!first.has(key)) first.set(key, i);
  }
  return Int32Array.from(first.values());
}
