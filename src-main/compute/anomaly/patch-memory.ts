/**
 * Scores each patch of an image by its distance to the nearest patch of the normal images (PatchCore; Roth et al. 2022). Small defects stand out among single
 * patches; means over 3 × 3 patches are less sensitive to noise, and find larger ones. With both, there are two memory banks, and of each patch the distance counts that is
 * more unusual among held-out normal images.
 */
import { z } from 'zod';
import { medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { valuesOf } from '../read-back.ts';
import { random, shuffle } from '../random.ts';
import type { PatchBlock } from './images.ts';
import { makeBank, nearestInBank, type PatchBank } from './patch-bank.ts';
import { joined, pooled } from './patch-features.ts';
import { meanOf } from '../../contract/numbers.ts';
import { defineScorer, patchSizeParameter, topShareParameter, type FitContext, type Model } from './scorer.ts';

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
  ...topShareParameter,
});
type Parameters = z.infer<typeof schema>;

/** Patches that are sampled for each patch that is kept. */
const oversampling = 15;
const windows = { both: [1, 3], single: [1], mean: [3] } as const;
/** The most images by which a bank is calibrated. */
const mostCalibrated = 60;

/** What is usual for the score of held-out normal images under one bank: its median, and the deviation of its logarithm. */
interface Usual {
  median: number;
  deviation: number;
}

interface Branch extends Usual {
  bank: PatchBank;
}

/** Below this the deviation of a few images is chance. */
const leastDeviation = 0.02;

export const patchMemory = defineScorer({
  id: 'patch-memory',
  title: 'Memory of patches',
  short: 'Patches',
  summary:
    'Distance of each patch to the most similar patch of the normal images, in EfficientNet-Lite0 features (PatchCore). No training; needs no alignment; finds small defects.',
  inputs: 'patches',
  gives: { score: { title: 'distance' }, map: { title: 'Distance' } },
  schema,
  async fit(params, context) {
    if (context.train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
    const branches: Branch[] = [];
    try {
      for (const window of windows[params.neighbourhood]) {
        const bank = await makeBank(window, { sampled: params.patches * oversampling, kept: params.patches }, context);
        branches.push({ bank, median: 1, deviation: 1 });
        Object.assign(branches[branches.length - 1], await usualScore(bank, params, context));
      }
    } catch (error) {
      disposeOf(branches);
      throw error;
    }
    return { model: memoryModel(branches, params), heldOut: context.train };
  },
  restore(params, arrays) {
    const channels = arrays.channels[0];
    const branches = windows[params.neighbourhood].map((window) => {
      const values = arrays[`patches${window}`];
      const patches = tf.tensor2d(values, [values.length / channels, channels]);
      const [median, deviation = 1] = arrays[`usual${window}`];
      return { bank: { window, patches, spans: new Map() }, median, deviation };
    });
    return memoryModel(branches, params);
  },
});

const disposeOf = (branches: readonly Branch[]): void => tf.dispose(branches.map(({ bank }) => bank.patches));

/** From normal images, each compared with the patches of the others. */
async function usualScore(
  bank: PatchBank,
  params: Parameters,
  { images, train, seed, yieldToEventLoop, onEvent }: FitContext<'patches'>,
): Promise<Usual> {
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
  positions: Int32Array | null,
): Promise<{ distances: Float32Array; nearest: Int32Array }> {
  const features = joined(block, { window: bank.window });
  try {
    return await nearestInBank(bank, features, positions);
  } finally {
    features.dispose();
  }
}

function memoryModel(branches: readonly Branch[], { topShare }: Parameters): Model<'patches'> {
  return {
    parameters: branches.reduce((sum, { bank }) => sum + bank.patches.size, 0),
    async score(block, positions) {
      const { rows, columns } = block.grid;
      const values = new Float32Array(block.maps[0].shape[0] * rows * columns);
      // The logarithms have one unit when divided by their deviations; the mean deviation makes the result a multiple of the usual distance again.
      const unit = meanOf(branches.map(({ deviation }) => deviation));
      for (const { bank, median, deviation } of branches) {
        const { distances } = await distancesOf(bank, block, positions);
        for (let i = 0; i < values.length; i++)
          values[i] = Math.max(values[i], (distances[i] / median) ** (unit / deviation));
      }
      return { scores: pooled(values, block.maps[0].shape[0], topShare), maps: { values, rows, columns } };
    },
    async tensors() {
      const arrays: Record<string, Float32Array> = { channels: Float32Array.of(branches[0].bank.patches.shape[1]) };
      for (const { bank, median, deviation } of branches) {
        arrays[`patches${bank.window}`] = await valuesOf(bank.patches);
        arrays[`usual${bank.window}`] = Float32Array.of(median, deviation);
      }
      return { arrays };
    },
    dispose: () => disposeOf(branches),
  };
}
