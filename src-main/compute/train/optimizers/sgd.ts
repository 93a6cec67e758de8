/** Stochastic gradient descent with momentum, also Nesterov's (Sutskever et al. 2013). */
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { optimizerOf, penaltyParameter, type OptimizerRecord, type Updated } from './optimizer.ts';

const schema = z
  .object({
    momentum: z
      .number()
      .min(0)
      .max(0.9999)
      .default(0.9)
      .describe('Fraction of the previous step that is added to the next one.')
      .meta({ title: 'Momentum' }),
    nesterov: z.boolean().default(false).describe('Nesterov momentum.').meta({ title: 'Nesterov', advanced: true }),
    weightDecay: penaltyParameter,
  })
  .refine(({ momentum, nesterov }) => momentum > 0 || !nesterov, {
    error: 'Nesterov needs a momentum',
    path: ['nesterov'],
  });

export const sgd: OptimizerRecord<z.infer<typeof schema>> = {
  id: 'sgd',
  title: 'SGD',
  schema,
  slots: ({ momentum }) => (momentum ? ['velocity'] : []),
  start: ({ momentum, nesterov, weightDecay }, size, decayed) =>
    optimizerOf(
      momentum ? ['velocity'] : [],
      size,
      decayed,
      (weights, gradient, slots, learningRate, t, decayOf): Updated => {
        const penalised = weightDecay ? tf.add(gradient, decayOf(weightDecay)) : gradient;
        if (!momentum) return { weights: tf.sub(weights, tf.mul(penalised, learningRate)), slots: {} };
        const velocity = t === 1 ? tf.clone(penalised) : tf.add(tf.mul(slots.velocity, momentum), penalised);
        const step = nesterov ? tf.add(penalised, tf.mul(velocity, momentum)) : velocity;
        return { weights: tf.sub(weights, tf.mul(step, learningRate)), slots: { velocity } };
      },
    ),
};
