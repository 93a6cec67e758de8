/** Products with a matrix of its own for each place, one node of an exported graph. */
import type { Tensor3D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { traced } from './traced.ts';

/** x [B, places, size], matrices [places, outputs, size] → [B, places, outputs]. */
export const multiplyByPlace = (x: Tensor3D, matrices: Tensor3D): Tensor3D =>
  traced('multiplyByPlace', [x, matrices], {}, () =>
    tf.tidy(() => tf.transpose(tf.matMul(tf.transpose(x, [1, 0, 2]), matrices, false, true), [1, 0, 2]) as Tensor3D),
  );
