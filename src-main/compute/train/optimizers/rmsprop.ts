/** RMSProp (Tieleman & Hinton 2012). */
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { epsilonParameter, optimizerOf, penaltyParameter, type OptimizerRecord, type Updated } from './optimizer.ts';

const schema = z.object({
  alpha: z
    .number()
    .min(0)
    .max(0.9999)
    .default(0.99)
    .describe('Decay of the running mean of the squared gradient.')
    .meta({ title: 'Alpha', advanced: true }),
  epsilon: epsilonParameter,
  momentum: z
    .number()
    .min(0)
    .max(0.9999)
    .default(0)
    .describe('Fraction of the previous step that is added to the next one.')
    .meta({ title: 'Momentum', advanced: true }),
  weightDecay: penaltyParameter,
});

export const rmsprop: OptimizerRecord<z.infer<typeof schema>> = {
  id: 'rmsprop',
  title: 'RMSProp',
  schema,
  slots: ({ momentum }) => (momentum ? ['square', 'velocity'] : ['square']),
  start: (params, size, decayed) =>
    optimizerOf(
      rmsprop.slots(params),
      size,
      decayed,
      (weights, gradient, slots, learningRate, _t, decayOf): Updated => {
        const { alpha, epsilon, momentum, weightDecay } = params;
        const penalised = weightDecay ? tf.add(gradient, decayOf(weightDecay)) : gradient;
        const square = tf.add(tf.mul(slots.square, alpha), tf.mul(tf.square(penalised), 1 - alpha));
        const step = tf.div(penalised, tf.add(tf.sqrt(square), epsilon));
        if (!momentum) return { weights: tf.sub(weights, tf.mul(step, learningRate)), slots: { square } };
        const velocity = tf.add(tf.mul(slots.velocity, momentum), step);
        return { weights: tf.sub(weights, tf.mul(velocity, learningRate)), slots: { square, velocity } };
      },
    ),
};
