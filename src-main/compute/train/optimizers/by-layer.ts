/** Layer-wise learning rates: stages further from the classes learn slower (discriminative fine-tuning, Howard & Ruder 2018). */
import { tf } from '../../backend.ts';
import { sizeOf, type Piece } from '../../models/scope.ts';
import type { Optimizer } from './optimizer.ts';

/** An optimizer with a factor of the learning rate, 0..1, for each weight. */
export function byLayer(optimizer: Optimizer, factors: Float32Array): Optimizer {
  const factorTensor = tf.tidy(() => tf.keep(tf.tensor1d(factors)));
  return {
    ...optimizer,
    apply(weights, gradient, learningRate) {
      tf.tidy(() => {
        const before = tf.clone(weights);
        optimizer.apply(weights, gradient, learningRate);
        weights.assign(tf.add(before, tf.mul(tf.sub(weights, before), factorTensor)));
      });
    },
    dispose() {
      optimizer.dispose();
      factorTensor.dispose();
    },
  };
}

/**
 * The factor of the learning rate for each weight: 1 for the last stage; each earlier stage has `rate` times that of the next. The stage of a weight is its
 * name before the first '/'.
 */
export function rateFactorsOf(pieces: readonly Piece[], rate: number): Float32Array {
  const stageOf = ({ name }: Piece): string => name.split('/')[0];
  const stages = [...new Set(pieces.map(stageOf))];
  const out = new Float32Array(pieces.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
  let at = 0;
  for (const piece of pieces) {
    const to = at + sizeOf(piece.shape);
    out.fill(rate ** (stages.length - 1 - stages.indexOf(stageOf(piece))), at, to);
    at = to;
  }
  return out;
}
