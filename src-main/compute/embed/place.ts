/**
 * Places images into a map that is there: each lies amid those of its nearest landmarks that lie together. Nothing that is on the map
 * moves, and where an image goes does not depend on which others come with it. A mean over all of the nearest would put what lies between
 * two groups into the empty middle, beside what is like neither; test/bench/map.md has the figures.
 */
import { random } from '../random.ts';
import { nearest } from './neighbours.ts';

const neighbours = 10;
/** Far below what a group measures, enough to tell two points apart. */
const jitter = 0.002;

/** Codes in the scale of those that are placed. */
export interface Landmarks {
  codes: Float32Array; // [landmarks, size]
  xy: Float32Array; // [landmarks, 2]
}

export async function place(
  codes: Float32Array,
  size: number,
  { codes: known, xy }: Landmarks,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<Float32Array> {
  const { k, indices, distances } = await nearest(codes, known, size, neighbours, yieldToEventLoop, onDone);
  // How far apart landmarks lie where they fill the map: those within some of it lie together.
  const reach = Math.min(0.1, 2 / Math.sqrt(known.length / size));
  const out = new Float32Array((codes.length / size) * 2);
  for (let i = 0; i < out.length / 2; i++) {
    const at = i * k;
    const near = Array.from({ length: k }, (_, j) => {
      const p = indices[at + j] * 2;
      // Inverse squares (Shepard 1968): on a landmark, its place is the landmark's.
      const weight = distances[at] === 0 ? Number(j === 0) : (distances[at] / distances[at + j]) ** 2;
      return { x: xy[p], y: xy[p + 1], weight };
    });
    out.set(middle(near, reach), i * 2);
  }
  return out;
}

interface Near {
  x: number;
  y: number;
  weight: number;
}

/** Where most weight lies together: the place that has most of it within reach, and then the mean as seen from there. */
function middle(near: readonly Near[], reach: number): [x: number, y: number] {
  let best: [number, number] = [0, 0];
  let most = -1;
  for (const from of near) {
    let [x, y, sum] = [0, 0, 0];
    for (const to of near) {
      const share = to.weight * Math.exp(-((to.x - from.x) ** 2 + (to.y - from.y) ** 2) / (2 * reach ** 2));
      x += share * to.x;
      y += share * to.y;
      sum += share;
    }
    if (sum > most) [best, most] = [[x / sum, y / sum], sum];
  }
  return best;
}

/** Moves what lies exactly on another point, or on one of `taken`, a little aside; `fixed` ones stay. */
export function separate(
  xy: Float32Array,
  seed: number,
  taken: Float32Array,
  fixed: ReadonlySet<number> = new Set(),
): void {
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
