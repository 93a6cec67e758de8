/**
 * Adds images to an existing map. Nothing on the map moves, and the place of an image does not depend on which others are added. An image is placed among those
 * of its nearest landmarks that are close together on the map. The mean of all nearest landmarks would put an image between two groups into the empty space
 * between them, next to images that resemble neither (figures in test/bench/map.md).
 */
import { random } from '../random.ts';
import { nearest } from './neighbours.ts';

const neighbours = 10;
/** Much smaller than a group, but enough to distinguish two points. */
const jitter = 0.002;

/** The points of the map. Their codes have the same scale as those of the added images. */
export interface Landmarks {
  codes: Float32Array; // [landmarks, size]
  xy: Float32Array; // [landmarks, 2]
}

/** Places on the map for `codes` [n, size]: [n, 2]. */
export async function place(
  codes: Float32Array,
  size: number,
  { codes: known, xy }: Landmarks,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<Float32Array> {
  const { k, indices, distances } = await nearest(codes, known, size, neighbours, yieldToEventLoop, onDone);
  // The mean distance of landmarks if they filled the map: nearer ones count as close together.
  const reach = Math.min(0.1, 2 / Math.sqrt(known.length / size));
  const out = new Float32Array((codes.length / size) * 2);
  for (let i = 0; i < out.length / 2; i++) {
    const at = i * k;
    const near = Array.from({ length: k }, (_, j) => {
      const p = indices[at + j] * 2;
      // Inverse squared distances (Shepard 1968). An image with the code of a landmark gets its place.
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

/** The densest place: of the local weighted means around each neighbour, the one with the most weight within `reach`. */
function middle(near: readonly Near[], reach: number): [x: number, y: number] {
  let best: [number, number] = [0, 0];
  let most = -1;
  for (const from of near) {
    let [x, y, sum] = [0, 0, 0];
    for (const to of near) {
      const weight = to.weight * Math.exp(-((to.x - from.x) ** 2 + (to.y - from.y) ** 2) / (2 * reach ** 2));
      x += weight * to.x;
      y += weight * to.y;
      sum += weight;
    }
    if (sum > most) [best, most] = [[x / sum, y / sum], sum];
  }
  return best;
}

/** Moves each point of `xy` that coincides with another, or with one of `taken`, by a small random distance, in place. The points with indices in `fixed` stay. */
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
