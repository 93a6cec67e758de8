/**
 * Places images into a map that is there: each lies amid its nearest landmarks, the nearer the more. Nothing that is on the map moves,
 * and where an image goes does not depend on which others come with it.
 */
import { random } from '../random.ts';
import { nearest } from './neighbours.ts';

/** More draw a place towards the middle of its group. */
const neighbours = 5;
/** Far below what a group measures, enough to tell two points apart. */
const jitter = 0.002;

export interface Landmarks {
  codes: Float32Array; // [landmarks, size]
  xy: Float32Array; // [landmarks, 2]
}

export async function place(codes: Float32Array, size: number, { codes: known, xy }: Landmarks, breathe: () => Promise<void>, onDone: (done: number) => void): Promise<Float32Array> {
  const { k, indices, distances } = await nearest(codes, known, size, neighbours, breathe, onDone);
  const out = new Float32Array((codes.length / size) * 2);
  for (let i = 0; i < out.length / 2; i++) {
    const at = i * k;
    // On a landmark its place is the landmark's. Else by inverse squares (Shepard 1968): where a point lies between two groups, the nearer one wins.
    let [x, y, sum] = [0, 0, 0];
    for (let j = 0; j < k; j++) {
      const weight = distances[at] === 0 ? Number(j === 0) : (distances[at] / distances[at + j]) ** 2;
      x += weight * xy[indices[at + j] * 2];
      y += weight * xy[indices[at + j] * 2 + 1];
      sum += weight;
    }
    out[i * 2] = x / sum;
    out[i * 2 + 1] = y / sum;
  }
  return out;
}

/** Moves what lies exactly on another point, or on one of `taken`, a little aside; `fixed` ones stay. */
export function separate(xy: Float32Array, seed: number, taken: Float32Array, fixed: ReadonlySet<number> = new Set()): void {
  const key = (x: number, y: number): string => `${x} ${y}`;
  const points = new Set<string>();
  for (let i = 0; i < taken.length; i += 2) points.add(key(taken[i], taken[i + 1]));
  for (const i of fixed) points.add(key(xy[i * 2], xy[i * 2 + 1]));
  for (let i = 0; i < xy.length / 2; i++) {
    if (fixed.has(i)) continue;
    const next = random('jitter', seed, i);
    const [x, y] = [xy[i * 2], xy[i * 2 + 1]];
    while (points.has(key(xy[i * 2], xy[i * 2 + 1]))) {
      const angle = 2 * Math.PI * next();
      const length = jitter * Math.sqrt(next());
      xy[i * 2] = Math.max(-1, Math.min(1, x + length * Math.cos(angle)));
      xy[i * 2 + 1] = Math.max(-1, Math.min(1, y + length * Math.sin(angle)));
    }
    points.add(key(xy[i * 2], xy[i * 2 + 1]));
  }
}
