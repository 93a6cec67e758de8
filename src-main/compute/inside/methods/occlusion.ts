/** Occlusion (Zeiler & Fergus 2014): the fall of the target when a window of the image is covered. It needs no gradient, so it works for every target. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { largestOf } from '../../../contract/numbers.ts';
import { tf } from '../../backend.ts';
import { readBack } from '../../read-back.ts';
import { imagesPerPass } from '../pass.ts';
import { aboveBackground, backgroundParameter } from './background.ts';
import { defineMethod, type MethodContext } from './method.ts';

const schema = z.object({
  window: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'Side of the window, as a fraction of the longest side of the image. 0: an eighth, or a quarter if an eighth has less than half of its effect.',
    )
    .meta({ title: 'Window', step: 0.01 }),
  overlap: z
    .int()
    .min(1)
    .max(8)
    .default(3)
    .describe('Windows that cover each place along a side; more are finer and slower.')
    .meta({ title: 'Overlap' }),
  fill: z
    .enum(['surroundings', 'mean'])
    .default('surroundings')
    .describe(
      'Colour of a covered window. surroundings: the mean colour around the window, so that its edges do not look like an object; mean: the mean colour of the training images.',
    )
    .meta({ title: 'Fill' }),
  combine: z
    .enum(['least', 'mean'])
    .default('least')
    .describe(
      'How the windows that cover a place are combined. least: the smallest effect, so a place counts only if all of them matter, which is sharp; mean: as in Captum.',
    )
    .meta({ title: 'Combine' }),
  background: backgroundParameter,
});

/** Sides of the windows, as fractions of the longest side. The small one is kept if it has this fraction of the effect of the large one. */
const [small, large, enough] = [1 / 8, 1 / 4, 0.5];
/** Images per pass at most. */
const mostAtOnce = 16;

export const occlusion = defineMethod({
  id: 'occlusion',
  title: 'Occlusion',
  shows: 'How much the target falls when a window of the image is covered; negative where it rises.',
  cannotShow:
    'What is smaller than the window, and evidence that is present twice: covering one part then changes nothing.',
  isSigned: true,
  isSlow: true,
  schema,
  async explain({ params: { window, overlap, fill, combine, background }, ...context }) {
    const { x, subject, onProgress } = context;
    const [, height, width] = x.shape;
    const at = async (size: number, part: number, parts: number): Promise<{ values: Float32Array; value: number }> => {
      const side = Math.max(1, Math.round(size * Math.max(height, width)));
      return occlude(
        {
          ...(context as MethodContext),
          onProgress: (done, total) => onProgress(part * total + done, parts * total),
        },
        {
          side,
          stride: Math.max(1, Math.round(side / overlap)),
          baseline: fill === 'mean' ? subject.baseline : null,
          combine,
        },
      );
    };
    let found = await at(window || small, 0, window ? 1 : 2);
    if (!window) {
      const larger = await at(large, 1, 2);
      if (largestOf(larger.values) * enough > largestOf(found.values)) found = larger;
    }
    const { values, value } = found;
    return {
      rows: height,
      columns: width,
      values: aboveBackground(values, background),
      value,
      note: values.every((v) => Math.abs(v) < 1e-7)
        ? 'No window changes the target: choose a larger window, or the class itself in place of its loss.'
        : undefined,
    };
  },
});

interface Occlusion {
  /** In pixels of the network's input. */
  side: number;
  stride: number;
  /** The colour of covered windows; null: the mean colour around each. */
  baseline: readonly number[] | null;
  combine: 'least' | 'mean';
}

/**
 * For each pixel the fall of the target when a window that covers it is covered, [height, width]: the mean over these windows, as in Captum, or the one with the least
 * effect; 0 if they have different signs.
 */
export async function occlude(
  {
    x,
    layers,
    objective,
    onProgress,
    yieldToEventLoop,
  }: Pick<MethodContext, 'x' | 'layers' | 'objective' | 'onProgress' | 'yieldToEventLoop'>,
  { side, stride, baseline, combine }: Occlusion,
): Promise<{ values: Float32Array; value: number }> {
  const [, height, width] = x.shape;
  const starts = (size: number): number[] =>
    Array.from({ length: Math.max(0, Math.ceil((size - side) / stride)) + 1 }, (_, i) => i * stride);
  const windows = starts(height).flatMap((top) => starts(width).map((left) => ({ top, left })));
  const atOnce = imagesPerPass(layers, mostAtOnce);
  const pixels = await x.data();
  const [value] = await readBack(tf.tidy(() => objective(x)));
  const [sum, count] = [new Float32Array(height * width), new Float32Array(height * width)];
  for (let from = 0; from < windows.length; from += atOnce) {
    const block = windows.slice(from, from + atOnce);
    const covered = new Float32Array(block.length * x.size);
    block.forEach(({ top, left }, i) => {
      covered.set(pixels, i * x.size);
      const colour = baseline ?? meanAround(pixels, height, width, { top, left, side });
      for (let row = top; row < Math.min(height, top + side); row++)
        for (let column = left; column < Math.min(width, left + side); column++)
          covered.set(colour, i * x.size + (row * width + column) * 3);
    });
    const outputs = await readBack(
      tf.tidy(() => objective(tf.tensor4d(covered, [block.length, height, width, 3]) as Tensor4D)),
    );
    block.forEach(({ top, left }, i) => {
      for (let row = top; row < Math.min(height, top + side); row++)
        for (let column = left; column < Math.min(width, left + side); column++) {
          const [at, fall] = [row * width + column, value - outputs[i]];
          sum[at] = combine === 'mean' ? sum[at] + fall : count[at] ? lesser(sum[at], fall) : fall;
          count[at]++;
        }
    });
    onProgress(from + block.length, windows.length);
    await yieldToEventLoop();
  }
  return { values: combine === 'mean' ? sum.map((v, i) => (count[i] ? v / count[i] : 0)) : sum, value };
}

/** The mean colour of the pixels around a window, as far as they are in the image. */
function meanAround(
  pixels: ArrayLike<number>,
  height: number,
  width: number,
  { top, left, side }: { top: number; left: number; side: number },
): number[] {
  const ring = Math.max(1, Math.round(side / 8));
  const sum = [0, 0, 0];
  let count = 0;
  for (let row = Math.max(0, top - ring); row < Math.min(height, top + side + ring); row++)
    for (let column = Math.max(0, left - ring); column < Math.min(width, left + side + ring); column++) {
      if (row >= top && row < top + side && column >= left && column < left + side) continue;
      for (let c = 0; c < 3; c++) sum[c] += pixels[(row * width + column) * 3 + c];
      count++;
    }
  return sum.map((total) => (count ? total / count : 0));
}

/** The value nearer to 0; 0 if the signs differ. */
const lesser = (a: number, b: number): number => (a * b <= 0 ? 0 : Math.abs(a) < Math.abs(b) ? a : b);
