/** An optimizer whose steps are shorter for some weights than for others: what is far from the classes learns slower (Howard & Ruder 2018, discriminative rates). */
import { tf } from '../../backend.ts';
import { sizeOf, type Piece } from '../../models/scope.ts';
import type { Optimizer } from './optimizer.ts';

/** `share`: of each weight's step, 0..1, as long as the weights. */
export function byLayer(optimizer: Optimizer, share: Float32Array): Optimizer {
  const shares = tf.tidy(() => tf.keep(tf.tensor1d(share)));
  return {
    ...optimizer,
    apply(weights, gradient, learningRate) {
      tf.tidy(() => {
        const before = tf.clone(weights);
        optimizer.apply(weights, gradient, learningRate);
        weights.assign(tf.add(before, tf.mul(tf.sub(weights, before), shares)));
      });
    },
    dispose() {
      optimizer.dispose();
      shares.dispose();
    },
  };
}

/** The stages of a network are what stands before the first '/' of its weights' names, in the order of declaration; the last has a share of 1, each before it `rate` times the next. */
export function sharesOf(pieces: readonly Piece[], rate: number): Float32Array {
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
