/** Occlusion (Zeiler & Fergus 2014): the fall of the target when a window of the image is covered. It needs no gradient, so it works for every target. */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { readBack } from '../../read-back.ts';
import type { Objective } from '../subject.ts';
import { defineMethod, type MethodContext } from './method.ts';

const schema = z.object({
  window: z
    .number()
    .min(0.01)
    .max(1)
    .default(1 / 8)
    .describe('Side of the window, as a fraction of the longest side of the image.')
    .meta({ title: 'Window', step: 0.01 }),
  overlap: z
    .int()
    .min(1)
    .max(8)
    .default(2)
    .describe('Windows that cover each place along a side; more are finer and slower.')
    .meta({ title: 'Overlap' }),
});

/** Images per pass. */
const atOnce = 16;

export const occlusion = defineMethod({
  id: 'occlusion',
  title: 'Occlusion',
  shows: 'How much the target falls when a window of the image is covered; negative where it rises.',
  cannotShow:
    'What is smaller than the window, and evidence that is present twice: covering one part then changes nothing.',
  isSigned: true,
  hasLayer: false,
  isSlow: true,
  schema,
  async explain({ params: { window, overlap }, ...context }) {
    const { x, subject } = context;
    const [, height, width] = x.shape;
    const side = Math.max(1, Math.round(window * Math.max(height, width)));
    const stride = Math.max(1, Math.round(side / overlap));
    const { values, value } = await occlude(context as MethodContext, { side, stride, baseline: subject.baseline });
    return {
      rows: height,
      columns: width,
      values,
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
  baseline: readonly number[];
}

/** For each pixel the mean fall of the target over the windows that cover it, as in Captum, [height, width]. */
export async function occlude(
  {
    x,
    objective,
    onProgress,
    yieldToEventLoop,
  }: Pick<MethodContext, 'x' | 'onProgress' | 'yieldToEventLoop'> & { objective: Objective },
  { side, stride, baseline }: Occlusion,
): Promise<{ values: Float32Array; value: number }> {
  const [, height, width] = x.shape;
  const starts = (size: number): number[] =>
    Array.from({ length: Math.max(0, Math.ceil((size - side) / stride)) + 1 }, (_, i) => i * stride);
  const windows = starts(height).flatMap((top) => starts(width).map((left) => ({ top, left })));
  const pixels = await x.data();
  const [value] = await readBack(tf.tidy(() => objective(x)));
  const [sum, count] = [new Float32Array(height * width), new Float32Array(height * width)];
  for (let from = 0; from < windows.length; from += atOnce) {
    const block = windows.slice(from, from + atOnce);
    const covered = new Float32Array(block.length * x.size);
    block.forEach(({ top, left }, i) => {
      covered.set(pixels, i * x.size);
      for (let row = top; row < Math.min(height, top + side); row++)
        for (let column = left; column < Math.min(width, left + side); column++)
          covered.set(baseline, i * x.size + (row * width + column) * 3);
    });
    const outputs = await readBack(
      tf.tidy(() => objective(tf.tensor4d(covered, [block.length, height, width, 3]) as Tensor4D)),
    );
    block.forEach(({ top, left }, i) => {
      for (let row = top; row < Math.min(height, top + side); row++)
        for (let column = left; column < Math.min(width, left + side); column++) {
          sum[row * width + column] += value - outputs[i];
          count[row * width + column]++;
        }
    });
    onProgress(from + block.length, windows.length);
    await yieldToEventLoop();
  }
  return { values: sum.map((v, i) => (count[i] ? v / count[i] : 0)), value };
}
