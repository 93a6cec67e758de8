/**
 * Scores each patch of an image by its distance to the nearest patch of the normal images (PatchCore; Roth et al. 2022). Small defects stand out among single
 * patches; means over 3 × 3 patches are less sensitive to noise, and find larger ones. With both, there are two memory banks. Of each patch, the distance to single patches
 * or its average with the distance to means counts, whichever is more unusual among normal images.
 */
import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { clamp, meanOf, sumOf } from '../../contract/numbers.ts';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';
import type { Box, Place } from '../../contract/unlike.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { nearestDistances } from '../ops/nearest-rows.ts';
import { valuesOf } from '../read-back.ts';
import { random, sampleOf } from '../random.ts';
import type { PatchBlock } from './images.ts';
import { leastDeviation, logRatio } from './log-scores.ts';
import { makeBank, nearestInBank, originSize, spansOf, type BankSize, type PatchBank } from './patch-bank.ts';
import { joined, pooled, pooledScores } from './patch-features.ts';
import {
  defineScorer,
  patchSizeParameter,
  topShareParameter,
  type FitContext,
  type Model,
  type NearestPatch,
} from './scorer.ts';

const schema = z.object({
  ...patchSizeParameter,
  patches: z
    .int()
    .min(100)
    .max(20_000)
    .default(4000)
    .describe('Number of normal patches that are kept in each memory bank. More patches take more time.')
    .meta({ title: 'Patches' }),
  neighbourhood: z
    .enum(['both', 'single', 'mean'])
    .default('both')
    .describe('Compare single patches, which suits small defects, or means over 3 × 3 patches, or both.')
    .meta({ title: 'Neighbourhood', advanced: true }),
  trimmed: z
    .number()
    .min(0)
    .max(0.5)
    .default(0)
    .describe(
      'Fraction of the patches that is left out of the memory bank as possible defects, those by themselves (SoftPatch). Use 0.15 if the normal images may have defects.',
    )
    .meta({ title: 'Leave out suspicious patches', advanced: true, step: 0.05 }),
  ...topShareParameter,
});
type Parameters = z.infer<typeof schema>;

/** Patches that are sampled for each patch that is kept. */
const oversampling = 15;
/** The windows over which features are averaged, one memory bank for each. */
const windows = { both: [1, 3], single: [1], mean: [3] } as const;
/** The numbers of the banks whose distances are averaged, for each measure. */
const measures = { both: [[0], [0, 1]], single: [[0]], mean: [[0]] } as const;
/** The most images by which distances are calibrated. */
const mostCalibrated = 60;

/** `usual`: the median score of normal images by this bank alone, the unit of its distances. */
interface Branch {
  bank: PatchBank;
  usual: number;
}

/** An average a of distances becomes (a / median) ^ exponent: 1 is the median score of normal images, and the spread of their scores is the same for all measures. */
interface Measure {
  of: readonly number[];
  median: number;
  exponent: number;
}

export const patchMemory = defineScorer({
  id: 'patch-memory',
  title: 'Memory of patches',
  short: 'Patches',
  summary:
    'Distance of each patch to the most similar patch of the normal images, in EfficientNet-Lite0 features (PatchCore). No training; needs no alignment; finds small defects.',
  inputs: 'patches',
  gives: { score: { title: 'distance' }, map: { title: 'Distance' }, nearestPatch: true },
  schema,
  async fit(params, context) {
    if (context.train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
    const branches: Branch[] = [];
    let measured: Measure[];
    try {
      for (const window of windows[params.neighbourhood])
        branches.push({ bank: await makeBank(window, sizeOf(params), context), usual: 1 });
      measured = await calibrate(branches, params, context);
    } catch (error) {
      disposeOf(branches);
      throw error;
    }
    const lost = branches[0].bank.lost;
    return {
      model: memoryModel(branches, measured, params),
      heldOut: context.train,
      ...(lost && { lost: Float64Array.from(context.train, (position) => lost.get(position) ?? 0) }),
    };
  },
  restore(params, arrays) {
    const channels = arrays.channels[0];
    const branches = windows[params.neighbourhood].map((window) => {
      const values = arrays[`patches${window}`];
      const patches = tf.tensor2d(values, [values.length / channels, channels]);
      const origins = Int32Array.from(arrays[`origins${window}`] ?? []); // earlier versions kept none
      return { bank: { window, patches, origins, spans: spansOf(origins) }, usual: arrays[`usual${window}`][0] };
    });
    // Earlier versions averaged all.
    const measured = arrays.measures
      ? measures[params.neighbourhood].map((of, i) => {
          const [median, exponent] = arrays.measures.subarray(2 * i);
          return { of, median, exponent };
        })
      : [{ of: Array.from(branches.keys()), median: 1, exponent: 1 }];
    return memoryModel(branches, measured, params);
  },
});

const sizeOf = ({ patches, trimmed }: Parameters): BankSize => ({
  sampled: patches * oversampling,
  kept: patches,
  trimmed,
});

const disposeOf = (branches: readonly Branch[]): void => tf.dispose(branches.map(({ bank }) => bank.patches));

/** Sets what is usual for each bank, and returns the measures; from normal images, each compared with the patches of the others. */
async function calibrate(
  branches: Branch[],
  { neighbourhood, topShare }: Parameters,
  { images, train, seed, yieldToEventLoop, onEvent }: FitContext<'patches'>,
): Promise<Measure[]> {
  const chosen = sampleOf(train, mostCalibrated, random('calibration', seed));
  const distances: Float32Array[][] = []; // by block and bank
  const sizes: number[] = [];
  for (const block of images.upload(chosen)) {
    distances.push(await distancesOf(branches, block, block.positions));
    sizes.push(block.positions.length);
    onEvent({ stage: 'calibrate', done: sumOf(sizes), total: chosen.length });
    await yieldToEventLoop();
  }
  const sortedScores = (of: readonly number[]): Float64Array =>
    Float64Array.from(
      distances.flatMap((block, i) => pooled(averageOf(branches, block, of), sizes[i], topShare)),
    ).sort();
  branches.forEach((branch, i) => (branch.usual = medianOf(sortedScores([i])) || 1));
  const found = measures[neighbourhood].map((of) => {
    const sorted = sortedScores(of);
    const median = medianOf(sorted) || 1;
    const logs = sorted.map((score) => logRatio(score, median));
    return { of, median, deviation: Math.max(medianAbsoluteDeviation(logs), leastDeviation) };
  });
  const spread = meanOf(found.map(({ deviation }) => deviation));
  return found.map(({ of, median, deviation }) => ({ of, median, exponent: spread / deviation }));
}

/** The mean of the distances to these banks, in their units. `distances`: by bank. */
function averageOf(
  branches: readonly Branch[],
  distances: readonly Float32Array[],
  of: readonly number[],
): Float32Array {
  const average = new Float32Array(distances[0].length);
  for (const b of of)
    for (let i = 0; i < average.length; i++) average[i] += distances[b][i] / branches[b].usual / of.length;
  return average;
}

/** By bank, the distances of all patches of a block. */
async function distancesOf(
  branches: readonly Branch[],
  block: PatchBlock,
  positions: Int32Array,
): Promise<Float32Array[]> {
  const found: Float32Array[] = [];
  for (const { bank } of branches) {
    const features = joined(block, { window: bank.window });
    try {
      found.push((await nearestInBank(bank, features, positions)).distances);
    } finally {
      features.dispose();
    }
  }
  return found;
}

/** The patch of the bank that is nearest to a place of an image. Throws BadParameters if the bank does not know where its patches come from. */
async function nearestTo(
  { x, y }: Place,
  bank: PatchBank,
  usual: number,
  block: PatchBlock,
  positions: Int32Array,
): Promise<NearestPatch> {
  if (!bank.origins.length)
    throw new BadParameters(
      'An earlier version of Winnow made this ranking, without the places of its normal patches. Rank again.',
    );
  const { rows, columns } = block.grid;
  const [row, column] = [cellOf(y, rows), cellOf(x, columns)];
  const feature = tf.tidy(() => {
    const features = joined(block, { window: bank.window });
    return tf.slice4d(features, [0, row, column, 0], [1, 1, 1, features.shape[3]]);
  });
  try {
    const { distances, nearest } = await nearestInBank(bank, feature, positions);
    const from = nearest[0] * originSize;
    const [position, ...place] = bank.origins.subarray(from, from + originSize);
    return {
      here: boxOf([row, column, rows, columns], bank.window),
      position,
      there: boxOf(place, bank.window),
      distance: distances[0],
      usual,
    };
  } finally {
    feature.dispose();
  }
}

const cellOf = (fraction: number, cells: number): number => clamp(Math.floor(fraction * cells), 0, cells - 1);

/** A window of patches around a place, without what is outside of the image. */
function boxOf([row, column, rows, columns]: readonly number[], window: number): Box {
  const reach = (window - 1) / 2;
  const [left, right] = [Math.max(0, column - reach), Math.min(columns, column + reach + 1)];
  const [top, bottom] = [Math.max(0, row - reach), Math.min(rows, row + reach + 1)];
  return { x: left / columns, y: top / rows, width: (right - left) / columns, height: (bottom - top) / rows };
}

function memoryModel(
  branches: readonly Branch[],
  measured: readonly Measure[],
  { topShare }: Parameters,
): Model<'patches'> {
  return {
    parameters: branches.reduce((sum, { bank }) => sum + bank.patches.size, 0),
    async score(block, positions) {
      const { rows, columns } = block.grid;
      const distances = await distancesOf(branches, block, positions);
      const values = new Float32Array(distances[0].length);
      const scores = new Float64Array(block.maps[0].shape[0]);
      for (const { of, median, exponent } of measured) {
        const average = averageOf(branches, distances, of);
        for (const [at, from] of [
          [values, average],
          [scores, pooled(average, scores.length, topShare)],
        ] as const)
          for (let i = 0; i < at.length; i++) at[i] = Math.max(at[i], (from[i] / median) ** exponent);
      }
      return { scores, maps: { values, rows, columns } };
    },
    portable(block) {
      const { rows, columns } = block.grid;
      const distances = branches.map(({ bank: { window, patches }, usual }) => {
        const features = joined(block, { window });
        const found = nearestDistances(tf.reshape(features, [-1, patches.shape[1]]) as Tensor2D, patches);
        return tf.reshape(tf.mul(found, 1 / usual), [-1, rows, columns]) as Tensor3D;
      });
      const found = measured.map(({ of, median, exponent }) => {
        const sum = of.map((b) => distances[b]).reduce((a, b) => tf.add(a, b));
        const average = tf.mul<Tensor3D>(sum, 1 / of.length / median);
        return {
          score: tf.pow<Tensor1D>(pooledScores(average, topShare), exponent),
          map: tf.pow<Tensor3D>(average, exponent),
        };
      });
      return found.reduce((a, b) => ({ score: tf.maximum(a.score, b.score), map: tf.maximum(a.map, b.map) }));
    },
    async nearestPatch(block, positions, at) {
      const found: NearestPatch[] = [];
      for (const { bank, usual } of branches) found.push(await nearestTo(at, bank, usual, block, positions));
      return found.reduce((a, b) => (b.distance / b.usual > a.distance / a.usual ? b : a));
    },
    async tensors() {
      const arrays: Record<string, Float32Array> = {
        channels: Float32Array.of(branches[0].bank.patches.shape[1]),
        measures: Float32Array.from(measured.flatMap(({ median, exponent }) => [median, exponent])),
      };
      for (const { bank, usual } of branches) {
        arrays[`patches${bank.window}`] = await valuesOf(bank.patches);
        arrays[`usual${bank.window}`] = Float32Array.of(usual);
        arrays[`origins${bank.window}`] = Float32Array.from(bank.origins);
      }
      return { arrays };
    },
    dispose: () => disposeOf(branches),
  };
}
