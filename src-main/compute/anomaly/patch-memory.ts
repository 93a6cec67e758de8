/**
 * Scores each patch of an image by its distance to the nearest patch of the normal images (PatchCore; Roth et al. 2022). Small defects stand out among single
 * patches; means over 3 × 3 patches are less sensitive to noise and to small defects. With both, there are two memory banks; the distances of each are divided by what is
 * usual among held-out normal images, and averaged.
 */
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { clamp } from '../../contract/numbers.ts';
import { medianOf } from '../../contract/statistics.ts';
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
    .default('single')
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

/** `usual`: the median score of held-out normal images under this bank alone. */
interface Branch {
  bank: PatchBank;
  usual: number;
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
    try {
      for (const window of windows[params.neighbourhood]) {
        const bank = await makeBank(window, sizeOf(params), context);
        branches.push({ bank, usual: 1 });
        branches[branches.length - 1].usual = await usualScore(bank, params, context);
      }
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
      return { bank: { window, patches, origins, spans: spansOf(origins) }, usual: arrays[`usual${window}`][0] };
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

/** The median score of normal images, each compared with the patches of the others. */
async function usualScore(
  bank: PatchBank,
  params: Parameters,
  { images, train, seed, yieldToEventLoop, onEvent }: FitContext<'patches'>,
): Promise<number> {
  const chosen = shuffle(train.slice(), random('calibration', seed)).slice(0, mostCalibrated).sort();
  const scores: number[] = [];
  for (const block of images.upload(chosen)) {
    const { distances } = await distancesOf(bank, block, block.positions);
    scores.push(...pooled(distances, block.positions.length, params.topShare));
    onEvent({ stage: 'calibrate', done: scores.length, total: chosen.length });
    await yieldToEventLoop();
  }
  return medianOf(scores.sort((a, b) => a - b)) || 1;
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
      for (const { bank, usual } of branches) {
        const { distances } = await distancesOf(bank, block, positions);
        for (let i = 0; i < values.length; i++) values[i] += distances[i] / usual / branches.length;
      }
      return { scores: pooled(values, block.maps[0].shape[0], topShare), maps: { values, rows, columns } };
    },
    portable(block) {
      const { rows, columns } = block.grid;
      const maps = branches.map(({ bank: { window, patches }, usual }) => {
        const features = joined(block, { window });
        const distances = nearestDistances(tf.reshape(features, [-1, patches.shape[1]]) as Tensor2D, patches);
        return tf.reshape(tf.mul(distances, 1 / usual / branches.length), [-1, rows, columns]) as Tensor3D;
      });
      const map = maps.reduce((sum, one) => tf.add(sum, one));
      return { score: pooledScores(map, topShare), map };
    },
    async nearestPatch(block, positions, at) {
      const found: NearestPatch[] = [];
      for (const { bank, usual } of branches) found.push(await nearestTo(at, bank, usual, block, positions));
      return found.reduce((a, b) => (b.distance / b.usual > a.distance / a.usual ? b : a));
    },
    async tensors() {
      const arrays: Record<string, Float32Array> = { channels: Float32Array.of(branches[0].bank.patches.shape[1]) };
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
