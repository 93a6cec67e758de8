/**
 * Chooses landmarks: the images that are projected if there are too many to project all. Three in four are random, so that the map is dense where the images
 * are. The others are those farthest from the random ones. With random landmarks alone, a small unusual group would have no place of its own, and users look
 * for just such groups. With farthest points alone (Gonzalez 1985), the map would show only outliers.
 */
import { hash } from 'node:crypto';
import { concatenate } from '../pixels.ts';
import { random, shuffle } from '../random.ts';
import { nearest } from './neighbours.ts';

const randomFraction = 0.75;
/** The distance of an image is that to its 15th nearest random landmark: a single landmark in a small group does not make the group near. */
const neighbourhood = 15;

/** Positions of the landmarks in `codes` [n, size], ascending; at most `atMost`. Of equal codes, only the first is used. */
export async function chooseLandmarks(
  codes: Float32Array,
  size: number,
  atMost: number,
  seed: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Int32Array> {
  const distinct = distinctRows(codes, size);
  if (distinct.length <= atMost) return distinct;
  const sampled = shuffle(distinct.slice(), random('landmarks', seed)).subarray(0, Math.round(atMost * randomFraction));
  const taken = new Set(sampled);
  const rest = distinct.filter((i) => !taken.has(i));
  const { k, distances } = await nearest(
    rowsOf(codes, size, rest),
    rowsOf(codes, size, sampled),
    size,
    neighbourhood,
    yieldToEventLoop,
  );
  const reach = (i: number): number => distances[i * k + k - 1];
  const byDistance = Array.from(rest.keys()).sort((a, b) => reach(b) - reach(a) || a - b);
  const far = byDistance.slice(0, atMost - sampled.length).map((i) => rest[i]);
  return concatenate(sampled, Int32Array.from(far)).sort();
}

/** The rows at these positions, [positions, size]. */
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
