/**
 * Selects the pairs of pictures to compare. Each picture is looked up in a k-d tree of all pictures, once per crop window and once per orientation (rotations
 * and mirror images). A pair carries the orientation and the window with the smallest distance: the comparison starts there.
 */
import { inPlace, type Placement } from './align.ts';
import {
  coefficientCount,
  dimensions,
  flatDeviation,
  pointOf,
  pointsOf,
  transform,
  turnPoint,
  windows,
} from './spectrum.ts';
import { Tree } from './tree.ts';
import { turns, type Turn } from './turn.ts';

/** Indices of two pictures; `squared`: the squared distance of their points. */
export interface Pair {
  a: number;
  b: number;
  turn: Turn;
  start: Placement;
  squared: number;
}

/** Search radius for a copy: `reach` in total, `step` along one axis. Rotated copies are not looked up through crop windows, so their radius is smaller. */
const reach = 0.12;
const step = 0.06;
const turnedReach = 0.07;
const turnedStep = 0.04;
/** Limits for sets of very similar pictures, as from a fixed camera: points visited by one look-up, and nearest neighbours kept. */
const maxVisited = 4000;
const maxNeighbours = 16;

/** The points of all pictures (`spectrum.ts`) and their k-d tree. */
export class Points {
  /** Rows of pictures with texture; the others are flat. */
  readonly rows: Int32Array;
  readonly flat: number[] = [];
  readonly #fingerprints: readonly Uint8Array[];
  readonly #points: Float32Array; // [n, dimensions]
  readonly #coefficients = new Float32Array(coefficientCount);
  readonly #query = new Float32Array(dimensions);
  readonly #cropped = new Float32Array(windows.length * dimensions);
  #tree: Tree | null = null;

  private constructor(fingerprints: readonly Uint8Array[]) {
    this.#fingerprints = fingerprints;
    this.#points = new Float32Array(fingerprints.length * dimensions);
    this.rows = new Int32Array(fingerprints.length);
  }

  /** Calls `yieldToEventLoop` with the number of finished pictures. */
  static async of(
    fingerprints: readonly Uint8Array[],
    yieldToEventLoop: (done: number) => Promise<void> | undefined,
  ): Promise<Points> {
    const points = new Points(fingerprints);
    let shown = 0;
    for (let row = 0; row < fingerprints.length; row++) {
      if (transform(fingerprints[row], points.#coefficients) < flatDeviation) points.flat.push(row);
      else {
        points.rows[shown++] = row;
        pointOf(points.#coefficients, points.#points, row * dimensions);
      }
      const pause = yieldToEventLoop(row);
      if (pause) await pause;
    }
    const own = points.rows.subarray(0, shown);
    points.#tree = await Tree.of(points.#points, dimensions, own, () => yieldToEventLoop(fingerprints.length));
    return Object.assign(points, { rows: own });
  }

  /**
   * The pairs of a picture with its nearest neighbours, nearest first. `b` is the picture itself, transformed by `turn`. A pair occurs twice if it is close
   * both upright and transformed.
   */
  pairsOf(row: number): Pair[] {
    const best = new Map<number, Pair>();
    const look = (query: Float32Array, turn: Turn, window: number, far: number, wide: number): void => {
      this.#tree!.near(query, far, wide, maxVisited, (other, squared) => {
        const key = other * 2 + Math.sign(turn);
        if (other !== row && squared < (best.get(key)?.squared ?? Infinity))
          best.set(key, { a: other, b: row, turn, start: placements[window], squared });
      });
    };
    transform(this.#fingerprints[row], this.#coefficients);
    pointsOf(this.#coefficients, this.#cropped);
    for (let window = 0; window < windows.length; window++)
      look(this.#cropped.subarray(window * dimensions, (window + 1) * dimensions), 0, window, reach, step);
    for (const turn of turns) {
      if (turn === 0) continue;
      turnPoint(this.#points, row * dimensions, turn, this.#query);
      look(this.#query, turn, 0, turnedReach, turnedStep);
    }
    return [...best.values()].sort((p, q) => p.squared - q.squared || p.a - q.a).slice(0, maxNeighbours);
  }
}

/** Maps coordinates in the window to coordinates in the whole picture. */
const placements = windows.map(({ left, right, top, bottom }): Placement =>
  left + right + top + bottom === 0
    ? inPlace
    : { shiftX: (left - right) / 2, scaleX: 1 - left - right, shiftY: (top - bottom) / 2, scaleY: 1 - top - bottom },
);
