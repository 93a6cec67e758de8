/** Adam (Kingma & Ba 2015), with weight decay as an L2 penalty in the gradient. */
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { adamStep, type Spans } from '../../ops/update.ts';
import { epsilonParameter, optimizerOf, penaltyParameter, type Optimizer, type OptimizerRecord } from './optimizer.ts';

export const adamParameters = {
  beta1: z
    .number()
    .min(0)
    .max(0.9999)
    .default(0.9)
    .describe('Decay of the running mean of the gradient.')
    .meta({ title: 'Beta 1', advanced: true }),
  beta2: z
    .number()
    .min(0)
    .max(0.99999)
    .default(0.999)
    .describe('Decay of the running mean of the squared gradient.')
    .meta({ title: 'Beta 2', advanced: true }),
  epsilon: epsilonParameter,
};

const schema = z.object({
  ...adamParameters,
  weightDecay: penaltyParameter,
});
type Parameters = z.infer<typeof schema>;

export const adam: OptimizerRecord<Parameters> = {
  id: 'adam',
  title: 'Adam',
  schema,
  slots: () => ['mean', 'square'],
  start: (params, size, decayed) => startAdam(params, size, decayed, false),
};

/** `decoupled`: AdamW. The weights themselves decay by learning rate · weight decay. */
export function startAdam(
  { beta1, beta2, epsilon, weightDecay }: Parameters,
  size: number,
  decayed: Spans,
  decoupled: boolean,
): Optimizer {
  return optimizerOf(['mean', 'square'], size, decayed, (weights, gradient, slots, learningRate, t, decayOf) => {
    const [rate, correction] = [learningRate / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)];
    const numbers = {
      beta1,
      beta2,
      rate,
      correction,
      epsilon,
      l2: decoupled ? 0 : weightDecay,
      decay: decoupled ? learningRate * weightDecay : 0,
    };
    const fused = adamStep(weights, slots.mean, slots.square, gradient, numbers, decayed);
    if (fused) return { weights: fused[0], slots: { mean: fused[1], square: fused[2] } };
    const penalised = numbers.l2 ? tf.add(gradient, decayOf(numbers.l2)) : gradient;
    const mean = tf.add(tf.mul(slots.mean, beta1), tf.mul(penalised, 1 - beta1));
    const square = tf.add(tf.mul(slots.square, beta2), tf.mul(tf.square(penalised), 1 - beta2));
    const kept = numbers.decay ? tf.sub(weights, decayOf(numbers.decay)) : weights;
    return {
      weights: tf.sub(kept, tf.div(tf.mul(mean, rate), tf.add(tf.div(tf.sqrt(square), correction), epsilon))),
      slots: { mean, square },
    };
  });
}
