/**
 * Adaptive average pooling as in PyTorch: for any input size n, output i of m is the mean of the inputs from ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉. If the input is smaller
 * than the output, its values are repeated.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { filterBoth } from './gaussian.ts';
import { traced } from './traced.ts';

/** x [B, S, S, C] → [B, side, side, C]. */
export function adaptiveAveragePool(x: Tensor4D, side: number): Tensor4D {
  return x.shape[1] === side
    ? x
    : tf.tidy(() => {
        const window = adaptiveWindow(x.shape[1], side);
        return traced('filterBoth', [x, window], {}, () => filterBoth(x, window));
      });
}

/** The matrix [outputs, size] of the means along one axis. */
function adaptiveWindow(size: number, outputs: number): Tensor2D {
  const values = new Float32Array(outputs * size);
  for (let i = 0; i < outputs; i++) {
    const [from, to] = [Math.floor((i * size) / outputs), Math.ceil(((i + 1) * size) / outputs)];
    values.fill(1 / (to - from), i * size + from, i * size + to);
  }
  return tf.tensor2d(values, [outputs, size]);
}
