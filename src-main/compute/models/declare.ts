/**
 * A dry run of a network on one image of zeros that collects its weights with their initialisation, its batch normalisations, and its layers with shapes and
 * multiply-accumulates. Layers are not computed: each returns zeros of its output's shape. So even a network of 138 million weights takes no time or memory.
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { sizeOf, type Layer, type Piece, type Scope, type Start } from './scope.ts';

export interface Declaration {
  weights: (Piece & { start: Start })[];
  /** Batch normalisations: each has a moving mean and a moving variance of this shape. */
  norms: Piece[];
  layers: (Layer & { parameters: number })[];
  /** Values per image that training keeps in addition to the outputs of layers; `train/memory.ts` counts them. */
  extra: { inner: number; droppedBranches: number; dropout: number };
}

/** `forward`: the network; `inputShape`: [height, width, channels]. */
export function declare(
  forward: (x: Tensor4D, scope: Scope) => Tensor,
  inputShape: [number, number, number],
): Declaration {
  const declared: Declaration = {
    weights: [],
    norms: [],
    layers: [],
    extra: { inner: 0, droppedBranches: 0, dropout: 0 },
  };
  const { extra } = declared;
  let parameters = 0;
  const scope: Scope = {
    weight(name, shape, start) {
      declared.weights.push({ name, shape, start });
      parameters += sizeOf(shape);
      return tf.scalar(0);
    },
    layer<T extends Tensor>(layer: Layer): T {
      extra.inner += layer.inner ?? 0;
      declared.layers.push({ ...layer, parameters });
      parameters = 0;
      return tf.zeros([1, ...layer.output]) as T;
    },
    normalise(name, x, { pool = 1 }) {
      const [, height, width, channels] = x.shape;
      scope.weight(`${name}/gamma`, [channels], 1);
      scope.weight(`${name}/beta`, [channels], 0);
      declared.norms.push({ name, shape: [channels] });
      const y = scope.layer({ name, kind: 'batch normalisation', output: [height, width, channels], macs: 0 }, () => x);
      if (pool === 1) return y;
      return scope.layer(
        {
          name: name.replace(/norm$/, 'pool'),
          kind: 'max pooling',
          output: [Math.floor(height / 2), Math.floor(width / 2), channels],
          macs: 0,
          window: { size: 2, stride: 2 },
        },
        () => y,
      );
    },
    dropout(_name, x, rate) {
      if (rate) extra.dropout += x.size;
      return x;
    },
    path(_name, branch, rate) {
      if (rate) extra.droppedBranches += branch.size;
      return branch;
    },
  };
  tf.tidy(() => void forward(tf.zeros([1, ...inputShape]), scope));
  return declared;
}
