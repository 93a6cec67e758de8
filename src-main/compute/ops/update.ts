/** One step of Adam or AdamW as a single kernel over the flat arrays, on the CPU. */
import type { Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { owner } from './native.ts';

/** The spans [from, to) of the flat weights to which weight decay applies, in order. */
export type Spans = readonly (readonly [from: number, to: number])[];

export interface AdamNumbers {
  beta1: number;
  beta2: number;
  /** Learning rate / (1 − beta1^t). */
  rate: number;
  /** √(1 − beta2^t). */
  correction: number;
  epsilon: number;
  /** `l2`: added to the gradient (Adam). `decay`: decoupled weight decay times the learning rate (AdamW). */
  l2: number;
  decay: number;
}

/** Returns the new weights, mean and square; undefined if the kernel is not loaded. */
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
