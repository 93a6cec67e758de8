/** The mean of the least or of the largest values of each row, one node of an exported graph. */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** [rows, values] → [rows]; `count` ≥ 1. */
export const meanOfLeast = (values: Tensor2D, count: number): Tensor1D =>
  traced('meanOfLeast', [values], { count }, () =>
    tf.tidy(() => tf.neg(tf.mean(tf.topk(tf.neg(values), count).values, 1)) as Tensor1D),
  );

/** As `meanOfLeast`, of the largest values. */
export const meanOfLargest = (values: Tensor2D, count: number): Tensor1D =>
  tf.tidy(() => tf.neg(meanOfLeast(tf.neg(values), count)));
