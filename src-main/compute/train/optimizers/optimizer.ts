/**
 * An optimizer is a record: a title, a schema of its parameters and a function that starts it. It works on the flat weights of a network, so a step is a few
 * large operations whatever the number of layers. Formulas and defaults are those of PyTorch.
 */
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import type { Spans } from '../../ops/update.ts';
import { valuesOf } from '../../read-back.ts';

/** The state of an optimizer in a checkpoint. */
export interface OptimizerValues {
  steps: number;
  slots: Record<string, Float32Array>;
}

export interface Optimizer {
  /** One step. `gradient` is flat like the weights. */
  apply(weights: Variable, gradient: Tensor, learningRate: number): void;
  read(): Promise<OptimizerValues>;
  write(values: OptimizerValues): void;
  dispose(): void;
}

export interface OptimizerRecord<P = Record<string, unknown>> {
  id: string;
  title: string;
  schema: z.ZodType<P>;
  /** Names of the arrays, as long as the weights, that it keeps between steps. */
  slots(params: P): string[];
  /** `decayed`: the spans of the weights to which weight decay applies. */
  start(params: P, size: number, decayed: Spans): Optimizer;
}

/** Parameters that several optimizers have. */
export const epsilonParameter = z
  .number()
  .positive()
  .max(1)
  .default(1e-8)
  .describe('Added to the denominator for numerical stability.')
  .meta({ title: 'Epsilon', advanced: true });
export const penaltyParameter = z
  .number()
  .min(0)
  .max(1)
  .default(0)
  .describe('L2 penalty on the kernels, added to the gradient.')
  .meta({ title: 'Weight decay', advanced: true });

/** The arithmetic of one step: returns the new weights and slots. `t`: the step from 1. `decayOf(rate)`: weights · rate in the decayed spans, 0 elsewhere. */
type Step = (
  weights: Tensor,
  gradient: Tensor,
  slots: Record<string, Tensor>,
  learningRate: number,
  t: number,
  decayOf: (rate: number) => Tensor,
) => Updated;

export interface Updated {
  weights: Tensor;
  slots: Record<string, Tensor>;
}

/** Makes an optimizer from the arithmetic of its step. `names`: of its slots. */
export function optimizerOf(names: string[], size: number, decayed: Spans, step: Step): Optimizer {
  const slots = Object.fromEntries(names.map((name) => [name, tf.tidy(() => tf.variable(tf.zeros([size])))]));
  const everywhere = decayed.length === 1 && decayed[0][0] === 0 && decayed[0][1] === size;
  let mask: Tensor | undefined;
  let steps = 0;
  return {
    apply(weights, gradient, learningRate) {
      steps++;
      tf.tidy(() => {
        const decayOf = (rate: number): Tensor => {
          const all = tf.mul(weights, rate);
          return everywhere ? all : tf.mul(all, (mask ??= tf.keep(maskOf(size, decayed))));
        };
        const after = step(weights, gradient, slots, learningRate, steps, decayOf);
        weights.assign(after.weights);
        for (const name of names) slots[name].assign(after.slots[name]);
      });
    },
    async read() {
      const values: OptimizerValues = { steps, slots: {} };
      for (const name of names) values.slots[name] = await valuesOf(slots[name]);
      return values;
    },
    write(values) {
      steps = values.steps;
      for (const name of names) tf.tidy(() => slots[name].assign(tf.tensor1d(values.slots[name])));
    },
    dispose: () => tf.dispose([...Object.values(slots), ...(mask ? [mask] : [])]),
  };
}

function maskOf(size: number, spans: Spans): Tensor {
  const values = new Float32Array(size);
  for (const [from, to] of spans) values.fill(1, from, to);
  return tf.tensor1d(values);
}
