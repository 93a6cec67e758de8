/** Adam's step as one kernel over the flat vectors, on the processor. */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { owner } from './native.ts';

/** Where in the flat vector weight decay acts: [from, to), in order. */
export type Spans = readonly (readonly [from: number, to: number])[];

export interface AdamNumbers {
  beta1: number;
  beta2: number;
  /** Divided by 1 - beta1^t. */
  rate: number;
  /** √(1 - beta2^t). */
  correction: number;
  epsilon: number;
  /** Of the gradient (Adam's L2), and of the weights, times the rate (AdamW's). */
  l2: number;
  decay: number;
}

/** The new weights, mean and square; undefined where there is no such kernel. */
export function adamStep(
  weights: Tensor,
  mean: Tensor,
  square: Tensor,
  gradient: Tensor,
  numbers: AdamNumbers,
  spans: Spans,
): Tensor[] | undefined {
  const own = owner('WinnowAdam');
  if (!own) return undefined;
  const { beta1, beta2, rate, correction, epsilon, l2, decay } = numbers;
  const values = tf.tensor1d([beta1, beta2, rate, correction, epsilon, l2, decay]);
  return own.executeMultipleOutputs(
    'WinnowAdam',
    [],
    [weights, mean, square, gradient, values, tf.tensor2d(spans.flat(), [spans.length, 2], 'int32')],
    3,
  );
}
