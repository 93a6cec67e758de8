/**
 * Integrated gradients (Sundararajan et al. 2017): gradients averaged along the line from a baseline to the image, times the difference of both. They add up to the
 * difference of the outputs. Gauss–Legendre quadrature, as in Captum.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { readBack } from '../../read-back.ts';
import { inputGradient } from '../gradients.ts';
import { defineMethod, type MethodContext, type MethodMap } from './method.ts';

/** Images per pass. */
const atOnce = 8;
/** With a larger gap, the steps are doubled, up to this many. */
const [allowedGap, mostSteps] = [0.01, 400];

const schema = z.object({
  steps: z
    .int()
    .min(2)
    .max(1000)
    .default(50)
    .describe('Steps along the line; more if the sum misses the difference.')
    .meta({ title: 'Steps' }),
});

export const integratedGradients = defineMethod({
  id: 'integrated-gradients',
  title: 'Integrated gradients',
  shows:
    'How much each pixel adds to the target, compared with an image of one colour; the values add up to the difference of the outputs.',
  cannotShow:
    'Pixels of the baseline’s colour get no value, even if they matter, and neighbours can have opposite signs.',
  isSigned: true,
  hasLayer: false,
  isSlow: true,
  schema,
  async explain({ params, ...rest }) {
    const context = { ...rest, params } as MethodContext;
    let steps = params.steps;
    for (;;) {
      const made = await integrate(context, steps);
      if (made.gap! <= allowedGap || steps * 2 > mostSteps) return made;
      steps *= 2;
    }
  },
});

/** The map with this many steps. */
export async function integrate(
  { subject, x, objective, onProgress, yieldToEventLoop }: MethodContext,
  steps: number,
): Promise<MethodMap & { perColour: Float32Array }> {
  const { nodes, weights } = gaussLegendre(steps);
  const [, rows, columns] = x.shape;
  const sum = new Float32Array(x.size);
  const baseline = tf.tidy(() => tf.mul(tf.onesLike(x), tf.tensor4d([...subject.baseline], [1, 1, 1, 3])) as Tensor4D);
  try {
    for (let from = 0; from < steps; from += atOnce) {
      const count = Math.min(atOnce, steps - from);
      const part = await readBack(
        tf.tidy(() => {
          const column = (values: Float64Array): Tensor4D =>
            tf.tensor4d(Float32Array.from(values.subarray(from, from + count)), [count, 1, 1, 1]);
          const along = tf.add(baseline, tf.mul(column(nodes), tf.sub(x, baseline))) as Tensor4D;
          return tf.sum(tf.mul(inputGradient(objective, along).gradient, column(weights)), 0);
        }),
      );
      for (let i = 0; i < sum.length; i++) sum[i] += part[i];
      onProgress(from + count, steps);
      await yieldToEventLoop();
    }
    const perColour = await readBack(tf.tidy(() => tf.mul(tf.tensor4d(sum, x.shape), tf.sub(x, baseline))));
    const [value] = await readBack(tf.tidy(() => objective(x)));
    const [zero] = await readBack(tf.tidy(() => objective(baseline)));
    const values = new Float32Array(rows * columns);
    let total = 0;
    for (let i = 0; i < perColour.length; i++) {
      values[Math.floor(i / 3)] += perColour[i];
      total += perColour[i];
    }
    const difference = value - zero;
    const gap = Math.abs(total - difference) / Math.max(1e-9, Math.abs(difference));
    return {
      rows,
      columns,
      values,
      value,
      gap,
      perColour,
      note:
        Math.abs(difference) < 1e-7
          ? 'The target is the same for the image and for the baseline, so there is nothing to add up.'
          : undefined,
    };
  } finally {
    baseline.dispose();
  }
}

/** Nodes and weights of Gauss–Legendre quadrature on 0..1, by Newton's method. */
export function gaussLegendre(count: number): { nodes: Float64Array; weights: Float64Array } {
  const [nodes, weights] = [new Float64Array(count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let derivative = 1;
    for (let round = 0; round < 100; round++) {
      let [before, polynomial] = [1, x];
      for (let k = 2; k <= count; k++)
        [before, polynomial] = [polynomial, ((2 * k - 1) * x * polynomial - (k - 1) * before) / k];
      derivative = (count * (x * polynomial - before)) / (x * x - 1);
      const step = polynomial / derivative;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    nodes[count - 1 - i] = (x + 1) / 2;
    weights[count - 1 - i] = 1 / ((1 - x * x) * derivative * derivative);
  }
  return { nodes, weights };
}
