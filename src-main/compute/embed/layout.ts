/**
 * The layout of the map: from codes to points in the plane. Some thousand landmarks are projected by UMAP (McInnes, Healy & Melville 2018); all other images
 * are placed among them. UMAP starts from the first two principal components instead of random points: so large distances have a meaning, and the seed changes
 * little (Kobak & Linderman 2021). If there are too few images for UMAP, the principal components are the map.
 */
import { UMAP } from 'umap-js';
import { readFloats } from '../../rows/row-reader.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { leadingSubspace } from '../linear-algebra.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { fillNormal, random } from '../random.ts';
import { chooseLandmarks, rowsOf } from './landmarks.ts';
import { nearest } from './neighbours.ts';
import { place, separate } from './place.ts';
import { scaleWithFloor, standardise } from './standardise.ts';

export interface LayoutArgs {
  codes: Float32Array | RowSet; // [images, size], or the first `size` numbers of embeddings
  size: number;
  seed: number;
  /** `n_neighbors` of UMAP, including the image itself: 2 or more. */
  neighbours?: number;
  /** `min_dist` of UMAP. */
  minDistance?: number;
  /** Maximum number of landmarks. */
  mostLandmarks?: number;
  /** An existing map: the images are added to it, and its own points do not move. */
  placed?: { codes: Float32Array; xy: Float32Array };
}

export interface LayoutEvent {
  /** 'lay-out' counts steps of UMAP, 'place' counts images. */
  stage: 'lay-out' | 'place';
  done: number;
  total: number;
}

export interface LayoutResult {
  xy: Float32Array; // [images, 2], -1..1
  /** Positions in `codes` of the landmarks. Empty if the images were added to an existing map. */
  landmarks: Int32Array;
}

/** More take too long, and cannot be distinguished on a screen. */
const defaultLandmarks = 4000;
const nowhere = new Float32Array(0);

/** Throws an Error if codes are not finite, and Cancelled after a cancel. */
export const layout = defineCall({
  async run(args: LayoutArgs, { signal, onEvent }: CallContext<LayoutEvent>): Promise<LayoutResult> {
    const { size, seed, neighbours = 10, minDistance = 0.1, mostLandmarks = defaultLandmarks, placed } = args;
    const codes = 'file' in args.codes ? readFloats(args.codes, size) : args.codes;
    const yieldToEventLoop = pace(signal);
    const onPlaced =
      (total: number) =>
      (done: number): void =>
        onEvent({ stage: 'place', done, total });
    const count = codes.length / size || 0;
    if (!count) return { xy: nowhere, landmarks: new Int32Array(0) };
    if (!codes.every(Number.isFinite))
      throw new Error(
        'The features of these images are not finite: the training diverged. Train again with a lower learning rate.',
      );
    if (placed?.xy.length) {
      const scale = scaleWithFloor(placed.codes, size);
      const target = { codes: standardise(placed.codes, size, scale), xy: placed.xy };
      const xy = await place(standardise(codes, size, scale), size, target, yieldToEventLoop, onPlaced(count));
      separate(xy, seed, placed.xy);
      return { xy, landmarks: new Int32Array(0) };
    }

    const landmarks = await chooseLandmarks(
      standardise(codes, size, scaleWithFloor(codes, size)),
      size,
      mostLandmarks,
      seed,
      yieldToEventLoop,
    );
    // From here on, the scale of the landmarks is used: images that are added later can use it too.
    const scale = scaleWithFloor(rowsOf(codes, size, landmarks), size);
    const scaled = standardise(codes, size, scale);
    const known = rowsOf(scaled, size, landmarks);
    const start = await principalPlane(known, size, seed);
    const projected =
      landmarks.length > neighbours
        ? await runUmap(known, size, start, { seed, neighbours, minDistance }, yieldToEventLoop, (done, total) =>
            onEvent({ stage: 'lay-out', done, total }),
          )
        : start;
    const places = fitToSquare(projected);
    separate(places, seed, nowhere); // different images can have the same place
    const xy = new Float32Array(count * 2);
    const isLandmark = new Set(landmarks);
    landmarks.forEach((p, i) => xy.set(places.subarray(i * 2, i * 2 + 2), p * 2));
    const rest = Int32Array.from({ length: count }, (_, i) => i).filter((i) => !isLandmark.has(i));
    if (rest.length) {
      const added = await place(
        rowsOf(scaled, size, rest),
        size,
        { codes: known, xy: places },
        yieldToEventLoop,
        onPlaced(rest.length),
      );
      rest.forEach((p, i) => xy.set(added.subarray(i * 2, i * 2 + 2), p * 2));
      separate(xy, seed, nowhere, isLandmark);
    }
    return { xy, landmarks };
  },
});

interface UmapOptions {
  seed: number;
  neighbours: number;
  minDistance: number;
}

async function runUmap(
  codes: Float32Array,
  size: number,
  start: Float64Array,
  { seed, neighbours, minDistance }: UmapOptions,
  yieldToEventLoop: () => Promise<void>,
  onStep: (done: number, total: number) => void,
): Promise<Float64Array> {
  const { k, indices, distances } = await nearest(codes, codes, size, neighbours, yieldToEventLoop);
  const umap = new UMAP({ nNeighbors: neighbours, minDist: minDistance, random: random('map', seed) });
  const count = codes.length / size;
  const rows = Array.from({ length: count }, (_, i) => i);
  umap.setPrecomputedKNN(
    rows.map((i) => Array.from(indices.subarray(i * k, (i + 1) * k))),
    rows.map((i) => Array.from(distances.subarray(i * k, (i + 1) * k))),
  );
  // Since the neighbours are given, UMAP only uses the number of the rows.
  const steps = umap.initializeFit(rows.map((i) => Array.from(codes.subarray(i * size, (i + 1) * size))));
  // UMAP works on these arrays in place.
  const points = umap.getEmbedding();
  const widest = start.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
  points.forEach((point, i) => {
    // A trace of UMAP's random start (−10 to 10) stays, so that no two points start at the same place.
    for (let axis = 0; axis < 2; axis++) point[axis] = (10 * start[i * 2 + axis]) / widest + 1e-5 * point[axis];
  });
  for (let step = 1; step <= steps; step++) {
    umap.step();
    onStep(step, steps);
    await yieldToEventLoop();
  }
  return Float64Array.from(points.flat());
}

/** Centres the points and scales both axes by one factor, so that the longer side extends from −1 to 1. */
function fitToSquare(xy: Float64Array): Float32Array {
  const [low, high] = [
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ];
  xy.forEach((v, i) => {
    low[i % 2] = Math.min(low[i % 2], v);
    high[i % 2] = Math.max(high[i % 2], v);
  });
  const half = Math.max(high[0] - low[0], high[1] - low[1]) / 2 || 1;
  return Float32Array.from(xy, (v, i) => Math.max(-1, Math.min(1, (v - (low[i % 2] + high[i % 2]) / 2) / half)));
}

/** Coordinates [count, 2] on the first two principal components of `codes` [count, size]. */
async function principalPlane(codes: Float32Array, size: number, seed: number): Promise<Float64Array> {
  const count = codes.length / size;
  const mean = new Float64Array(size);
  codes.forEach((v, i) => (mean[i % size] += v / count));
  const xy = new Float64Array(count * 2);
  const project = (axes: Float64Array): void => {
    for (let i = 0; i < count; i++) {
      let [x, y] = [0, 0];
      for (let d = 0; d < size; d++) {
        const v = codes[i * size + d] - mean[d];
        x += v * axes[d * 2];
        y += v * axes[d * 2 + 1];
      }
      xy[i * 2] = x;
      xy[i * 2 + 1] = y;
    }
  };
  const start = fillNormal(new Float64Array(size * 2), random('plane', seed));
  const axes = await leadingSubspace(start, size, 2, 20, (basis) => {
    project(basis);
    const next = new Float64Array(size * 2);
    for (let i = 0; i < count; i++) {
      for (let d = 0; d < size; d++) {
        const v = codes[i * size + d] - mean[d];
        next[d * 2] += v * xy[i * 2];
        next[d * 2 + 1] += v * xy[i * 2 + 1];
      }
    }
    return next;
  });
  // The sign of a component is arbitrary: its largest coordinate is made positive, so that the seed does not decide.
  for (let axis = 0; axis < 2; axis++) {
    let largest = 0;
    for (let d = 0; d < size; d++) if (Math.abs(axes[d * 2 + axis]) > Math.abs(largest)) largest = axes[d * 2 + axis];
    if (largest < 0) for (let d = 0; d < size; d++) axes[d * 2 + axis] *= -1;
  }
  project(axes);
  return xy;
}
