/**
 * The map: from codes to places in the plane. Some thousand landmarks are laid out by UMAP (McInnes, Healy & Melville 2018), all other
 * images are placed among them. It starts from the first two principal components and not at random: the large distances of the map
 * then mean something, and seeds differ little (Kobak & Linderman 2021). Few images get those components themselves.
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
  /** How many near images each image is laid out by, itself among them: 2 or more. */
  neighbours?: number;
  /** How close near images may lie, where groups lie about 1 apart. */
  minDistance?: number;
  /** Of more images than this, so many are laid out and the others placed among them. */
  mostLandmarks?: number;
  /** An existing map: the images are placed into it, and nothing of it moves. */
  placed?: { codes: Float32Array; xy: Float32Array };
}

export interface LayoutEvent {
  /** 'lay-out' counts steps, 'place' images. */
  stage: 'lay-out' | 'place';
  done: number;
  total: number;
}

export interface LayoutResult {
  xy: Float32Array; // [images, 2], -1..1
  /** Positions in `codes` of the images that were laid out; the others were placed among them. Empty where a map was given. */
  landmarks: Int32Array;
}

/** More take longer than one likes to wait, and a screen does not show them apart. */
const enough = 4000;
const nowhere = new Float32Array(0);

export const layout = defineCall({
  async run(args: LayoutArgs, { signal, onEvent }: CallContext<LayoutEvent>): Promise<LayoutResult> {
    const { size, seed, neighbours = 10, minDistance = 0.1, mostLandmarks = enough, placed } = args;
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
      const there = { codes: standardise(placed.codes, size, scale), xy: placed.xy };
      const xy = await place(standardise(codes, size, scale), size, there, yieldToEventLoop, onPlaced(count));
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
    // The landmarks' scale holds from here on: it is the one that later images can be brought to.
    const scale = scaleWithFloor(rowsOf(codes, size, landmarks), size);
    const scaled = standardise(codes, size, scale);
    const known = rowsOf(scaled, size, landmarks);
    const start = await principalPlane(known, size, seed);
    const laidOut =
      landmarks.length > neighbours
        ? await unfold(known, size, start, { seed, neighbours, minDistance }, yieldToEventLoop, (done, total) =>
            onEvent({ stage: 'lay-out', done, total }),
          )
        : start;
    const places = fitted(laidOut);
    separate(places, seed, nowhere); // few images in a plane may share a spot without being the same
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

interface Unfolding {
  seed: number;
  neighbours: number;
  minDistance: number;
}

async function unfold(
  codes: Float32Array,
  size: number,
  start: Float64Array,
  { seed, neighbours, minDistance }: Unfolding,
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
  // With the neighbours given it takes of the rows no more than how many there are.
  const steps = umap.initializeFit(rows.map((i) => Array.from(codes.subarray(i * size, (i + 1) * size))));
  // It works on these very arrays.
  const points = umap.getEmbedding();
  const widest = start.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
  points.forEach((point, i) => {
    // What it drew itself (−10 to 10) stays as a trace, so that no two points start as one.
    for (let axis = 0; axis < 2; axis++) point[axis] = (10 * start[i * 2 + axis]) / widest + 1e-5 * point[axis];
  });
  for (let step = 1; step <= steps; step++) {
    umap.step();
    onStep(step, steps);
    await yieldToEventLoop();
  }
  return Float64Array.from(points.flat());
}

/** Moved to the middle and scaled by one factor, so that the longer side reaches from −1 to 1. */
function fitted(xy: Float64Array): Float32Array {
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
  // A component has no sign of its own: its largest part is to point up, whatever the seed.
  for (let axis = 0; axis < 2; axis++) {
    let largest = 0;
    for (let d = 0; d < size; d++) if (Math.abs(axes[d * 2 + axis]) > Math.abs(largest)) largest = axes[d * 2 + axis];
    if (largest < 0) for (let d = 0; d < size; d++) axes[d * 2 + axis] *= -1;
  }
  project(axes);
  return xy;
}
