/**
 * Scores each patch of an image by its distance to the nearest patch of the normal images (PatchCore; Roth et al. 2022). Small defects stand out among single
 * patches; means over 3 × 3 patches are less sensitive to noise, and find larger ones. With both, there are two memory banks, and of each patch the distance counts that is
 * more unusual among held-out normal images.
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { clamp, meanOf } from '../../contract/numbers.ts';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';
import type { Box, Place } from '../../contract/unlike.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { nearestDistances } from '../ops/nearest-rows.ts';
import { valuesOf } from '../read-back.ts';
import { random, shuffle } from '../random.ts';
import type { PatchBlock } from './images.ts';
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
    .meta({ title: 'Left out', advanced: true, step: 0.05 }),
  ...topShareParameter,
});
type Parameters = z.infer<typeof schema>;

/** Patches that are sampled for each patch that is kept. */
const oversampling = 15;
const windows = { both: [1, 3], single: [1], mean: [3] } as const;
/** The most images by which a bank is calibrated. */
const mostCalibrated = 60;

/** A distance d becomes (d / median) ^ exponent: 1 is the median score of held-out normal images, and their spread is the same in all branches. */
interface Branch {
  bank: PatchBank;
  median: number;
  exponent: number;
}

/** A smaller deviation of the logarithm of scores is chance. */
const leastDeviation = 0.02;

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
    const usual: Awaited<ReturnType<typeof usualScores>>[] = [];
    try {
      for (const window of windows[params.neighbourhood]) {
        const bank = await makeBank(window, sizeOf(params), context);
        branches.push({ bank, median: 1, exponent: 1 });
        usual.push(await usualScores(bank, params, context));
      }
      const spread = meanOf(usual.map(({ deviation }) => deviation));
      usual.forEach(({ median, deviation }, i) => Object.assign(branches[i], { median, exponent: spread / deviation }));
    } catch (error) {
      disposeOf(branches);
      throw error;
    }
    const lost = branches[0].bank.lost;
    return {
      model: memoryModel(branches, params),
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
      const [median, exponent = 1] = arrays[`usual${window}`];
      return { bank: { window, patches, origins, spans: spansOf(origins) }, median, exponent };
    });
    return memoryModel(branches, params);
  },
});

const sizeOf = ({ patches, trimmed }: Parameters): BankSize => ({
  sampled: patches * oversampling,
  kept: patches,
  trimmed,
});

const disposeOf = (branches: readonly Branch[]): void => tf.dispose(branches.map(({ bank }) => bank.patches));

/** The median of the scores of normal images, each compared with the patches of the others, and the deviation of their logarithms. */
async function usualScores(
  bank: PatchBank,
  params: Parameters,
  { images, train, seed, yieldToEventLoop, onEvent }: FitContext<'patches'>,
): Promise<{ median: number; deviation: number }> {
  const chosen = shuffle(train.slice(), random('calibration', seed)).slice(0, mostCalibrated).sort();
  const scores: number[] = [];
  for (const block of images.upload(chosen)) {
    const { distances } = await distancesOf(bank, block, block.positions);
    scores.push(...pooled(distances, block.positions.length, params.topShare));
    onEvent({ stage: 'calibrate', done: scores.length, total: chosen.length });
    await yieldToEventLoop();
  }
  const sorted = Float64Array.from(scores).sort();
  const median = medianOf(sorted) || 1;
  const logs = sorted.map((score) => Math.log(Math.max(score, 1e-6 * median)));
  return { median, deviation: Math.max(medianAbsoluteDeviation(logs), leastDeviation) };
}

async function distancesOf(
  bank: PatchBank,
  block: PatchBlock,
  positions: Int32Array,
): Promise<{ distances: Float32Array; nearest: Int32Array }> {
  const features = joined(block, { window: bank.window });
  try {
    return await nearestInBank(bank, features, positions);
  } finally {
    features.dispose();
  }
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

function memoryModel(branches: readonly Branch[], { topShare }: Parameters): Model<'patches'> {
  return {
    parameters: branches.reduce((sum, { bank }) => sum + bank.patches.size, 0),
    async score(block, positions) {
      const { rows, columns } = block.grid;
      const values = new Float32Array(block.maps[0].shape[0] * rows * columns);
      for (const { bank, median, exponent } of branches) {
        const { distances } = await distancesOf(bank, block, positions);
        for (let i = 0; i < values.length; i++) values[i] = Math.max(values[i], (distances[i] / median) ** exponent);
      }
      return { scores: pooled(values, block.maps[0].shape[0], topShare), maps: { values, rows, columns } };
    },
    portable(block) {
      const { rows, columns } = block.grid;
      const maps = branches.map(({ bank: { window, patches }, median, exponent }) => {
        const features = joined(block, { window });
        const distances = nearestDistances(tf.reshape(features, [-1, patches.shape[1]]) as Tensor2D, patches);
        return tf.reshape(tf.pow(tf.mul(distances, 1 / median), exponent), [-1, rows, columns]) as Tensor3D;
      });
      const map = maps.reduce((a, b) => tf.maximum(a, b));
      return { score: pooledScores(map, topShare), map };
    },
    async nearestPatch(block, positions, at) {
      const found: { patch: NearestPatch; unusual: number }[] = [];
      for (const { bank, median, exponent } of branches) {
        const patch = await nearestTo(at, bank, median, block, positions);
        found.push({ patch, unusual: (patch.distance / median) ** exponent });
      }
      return found.reduce((a, b) => (b.unusual > a.unusual ? b : a)).patch;
    },
    async tensors() {
      const arrays: Record<string, Float32Array> = { channels: Float32Array.of(branches[0].bank.patches.shape[1]) };
      for (const { bank, median, exponent } of branches) {
        arrays[`patches${bank.window}`] = await valuesOf(bank.patches);
        arrays[`usual${bank.window}`] = Float32Array.of(median, exponent);
        arrays[`origins${bank.window}`] = Float32Array.from(bank.origins);
      }
      return { arrays };
    },
    dispose: () => disposeOf(branches),
  };
}
