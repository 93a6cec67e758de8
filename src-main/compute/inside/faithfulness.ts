/**
 * Tests a map by changing the image (Petsiuk et al. 2018). Deletion: pixels are covered, the highest of the map first; the target should fall at once. Insertion:
 * pixels are shown on a blurred image in the same order; the target should rise at once. Both are compared with a random order.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { FaithfulnessCurves } from '../../contract/inside.ts';
import { meanOf } from '../../contract/numbers.ts';
import { resample } from '../../contract/resample.ts';
import { tf } from '../backend.ts';
import { random, shuffle } from '../random.ts';
import { readBack } from '../read-back.ts';
import { blurredImage } from './choose-layer.ts';
import type { Progress, Question } from './question.ts';
import { requireValues, type MethodMap } from './methods/method.ts';

/** Points of a curve after the first. */
const steps = 20;
/** Cells along the longest side: pixels are changed in cells, so that covered ones do not look like noise. */
const cells = 28;

/** The arrays of the curves: the target's value by the fraction of cells, from 0 to 1. */
export type CurveName = 'deletion' | 'insertion' | 'randomDeletion' | 'randomInsertion';

/** Throws BadParameters if the map is empty. */
export async function faithfulnessOf(
  question: Question,
  map: MethodMap,
  onProgress: (progress: Progress) => void,
): Promise<{ header: FaithfulnessCurves } & Record<CurveName, Float32Array>> {
  requireValues(map);
  const { subject, x, seed, title, goal } = question;
  const [, height, width] = x.shape;
  const longest = Math.max(height, width);
  const rows = Math.max(1, Math.round((cells * height) / longest));
  const columns = Math.max(1, Math.round((cells * width) / longest));
  const grid = resample(map.values, map.rows, map.columns, rows, columns);
  const order = Array.from(grid.keys()).sort((a, b) => grid[b] - grid[a] || a - b);
  const randomOrder = shuffle([...order], random('deletion', seed));
  const image = Float32Array.from(await x.data());
  const baseline = new Float32Array(image.length);
  for (let i = 0; i < baseline.length; i++) baseline[i] = subject.baseline[i % 3];
  const blurred = await readBack(blurredImage(x));
  const isProbability = goal.of === 'class';
  let done = 0;
  const curve = async (
    from: Float32Array,
    to: Float32Array,
    cellsInOrder: readonly number[],
  ): Promise<Float32Array> => {
    const out = new Float32Array(steps + 1);
    const current = Float32Array.from(from);
    let shown = 0;
    for (let step = 0; step <= steps; step++) {
      const until = Math.round((cellsInOrder.length * step) / steps);
      for (; shown < until; shown++) {
        const [row, column] = [Math.floor(cellsInOrder[shown] / columns), cellsInOrder[shown] % columns];
        const [top, bottom] = [row, row + 1].map((r) => Math.round((r * height) / rows));
        const [left, right] = [column, column + 1].map((c) => Math.round((c * width) / columns));
        for (let y = top; y < bottom; y++) {
          const at = (y * width + left) * 3;
          current.set(to.subarray(at, (y * width + right) * 3), at);
        }
      }
      out[step] = await valueOf(question, current);
      onProgress({ done: ++done, total: 4 * (steps + 1) });
      await question.yieldToEventLoop();
    }
    return out;
  };
  const deletion = await curve(image, baseline, order);
  const insertion = await curve(blurred, image, order);
  const randomDeletion = await curve(image, baseline, randomOrder);
  const randomInsertion = await curve(blurred, image, randomOrder);
  const areas = [deletion, insertion, randomDeletion, randomInsertion].map((values) => meanOf(Array.from(values)));
  const [deletionArea, insertionArea, randomDeletionArea, randomInsertionArea] = areas;
  const isBetter = [deletionArea < randomDeletionArea, insertionArea > randomInsertionArea];
  return {
    header: {
      target: title,
      deletionArea,
      insertionArea,
      randomDeletionArea,
      randomInsertionArea,
      isProbability,
      verdict: isBetter.every(Boolean)
        ? 'The map is better than a random order in both tests: the marked places matter to the network.'
        : isBetter.some(Boolean)
          ? 'The map is better than a random order in one of the two tests: trust it with care.'
          : 'The map is no better than a random order: it does not show what the network uses. Try another method or layer.',
    },
    deletion,
    insertion,
    randomDeletion,
    randomInsertion,
  };
}

async function valueOf({ subject, x, goal, objective, temperature }: Question, pixels: Float32Array): Promise<number> {
  const [value] = await readBack(
    tf.tidy(() => {
      const input = tf.tensor4d(pixels, x.shape) as Tensor4D;
      if (goal.of !== 'class') return objective(input);
      return tf.slice(tf.softmax(tf.div(subject.run(input), temperature) as Tensor2D), [0, goal.index], [1, 1]);
    }),
  );
  return value;
}
