/**
 * Which images of a folder are normal if nobody says so, by mutual scoring (MuSc; Li et al. 2024): a patch of a normal image has similar patches in most other
 * images, a defect has few, even if it occurs several times. A patch is scored by the mean of its lowest 30 % of distances to the other images, where the distance to an
 * image is that to its nearest patch; an image by its most unusual patches.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { meanOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { random, shuffle } from '../random.ts';
import { readBack } from '../read-back.ts';
import type { Patches } from './images.ts';
import type { FitContext } from './scorer.ts';

/** Images are compared within groups of at most this many. */
const groupSize = 200;
/** The fraction of the other images that a patch must resemble, so that a repeated defect is not taken for normal. */
const nearestShare = 0.3;
/** The fraction of an image's patches that make its score. */
const top = 0.01;

/** One score for each of `positions`, higher is more unusual; comparable within the folder. */
export async function mutualScores(
  images: Patches,
  positions: Int32Array,
  seed: number,
  { yieldToEventLoop, onEvent }: Pick<FitContext, 'yieldToEventLoop' | 'onEvent'>,
): Promise<Float64Array> {
  const scores = new Float64Array(positions.length);
  const order = shuffle(Int32Array.from(positions.keys()), random('groups', seed));
  const groups = Math.ceil(order.length / groupSize);
  let done = 0;
  for (let group = 0; group < groups; group++) {
    const members = order
      .subarray(Math.floor((group * order.length) / groups), Math.floor(((group + 1) * order.length) / groups))
      .slice()
      .sort();
    const patches = await readCoarse(
      images,
      Int32Array.from(members, (i) => positions[i]),
    );
    try {
      for (const [at, member] of members.entries()) {
        scores[member] = await scoreOf(patches, at);
        onEvent({ stage: 'compare', done: ++done, total: positions.length });
        await yieldToEventLoop();
      }
    } finally {
      tf.dispose(patches);
    }
  }
  return scores;
}

/** The patches of the coarsest stage of each image, averaged over 2 × 2 and of length 1: [patches, channels]. */
async function readCoarse(images: Patches, positions: Int32Array): Promise<Tensor2D[]> {
  const out: Tensor2D[] = [];
  try {
    for (const { maps } of images.upload(positions)) {
      const units = tf.tidy(() => {
        const coarse = maps.at(-1)!;
        const pooled = coarse.shape[1] > 1 && coarse.shape[2] > 1 ? tf.avgPool(coarse, 2, 2, 'same') : coarse;
        const [, rows, columns, channels] = pooled.shape;
        const unit = tf.div<Tensor4D>(pooled, tf.maximum(tf.norm(pooled, 2, 3, true), 1e-6));
        return tf.unstack(tf.reshape(unit, [-1, rows * columns, channels])) as Tensor2D[];
      });
      out.push(...units);
    }
    return out;
  } catch (error) {
    tf.dispose(out); // a row is damaged
    throw error;
  }
}

async function scoreOf(patches: readonly Tensor2D[], at: number): Promise<number> {
  const own = patches[at];
  const others = patches.filter((_, i) => i !== at);
  if (!others.length) return 0;
  const count = own.shape[0];
  const nearness = await readBack(
    tf.tidy(
      () => tf.stack(others.map((other) => tf.max(tf.matMul(own, other, false, true), 1))), // cosines, [others, patches]
    ),
  );
  const kept = Math.max(1, Math.round(others.length * nearestShare));
  const column = new Float32Array(others.length);
  const unusual = Float32Array.from({ length: count }, (_, patch) => {
    for (let i = 0; i < others.length; i++) column[i] = nearness[i * count + patch];
    column.sort();
    let sum = 0; // the distance of vectors of length 1 with this cosine
    for (let i = others.length - kept; i < others.length; i++) sum += Math.sqrt(Math.max(0, 2 - 2 * column[i]));
    return sum / kept;
  }).sort();
  return meanOf(unusual.subarray(count - Math.max(1, Math.round(top * count))));
}
