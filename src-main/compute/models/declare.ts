/**
 * The first pass through a network, on one image that is not there: which weights it has and how they begin, what it normalises, layer after
 * layer with shapes and multiplications. Layers are not run: each gives zeros of its output's shape, which the backend never sees
 * unless something between layers reads them. So 138 million weights cost nothing here.
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { sizeOf, type Layer, type Piece, type Scope, type Start } from './scope.ts';

export interface Declaration {
  weights: (Piece & { start: Start })[];
  /** Batch normalisations: each remembers a mean and a variance of this shape. */
  norms: Piece[];
  layers: (Omit<Layer, 'inner'> & { parameters: number })[];
  /** Values of one image that training holds beside the outputs of layers (train/memory.ts counts them). */
  beside: { inner: number; branches: number; droppedBranches: number; dropout: number };
}

export function declare(
  forward: (x: Tensor4D, scope: Scope) => Tensor,
  inputShape: [number, number, number],
): Declaration {
  const declared: Declaration = {
    weights: [],
    norms: [],
    layers: [],
    beside: { inner: 0, branches: 0, droppedBranches: 0, dropout: 0 },
  };
  const { beside } = declared;
  let parameters = 0;
  const scope: Scope = {
    weight(name, shape, start) {
      declared.weights.push({ name, shape, start });
      parameters += sizeOf(shape);
      return tf.scalar(0);
    },
    layer<T extends Tensor>({ inner = 0, ...layer }: Layer): T {
      beside.inner += inner;
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
        },
        () => y,
      );
    },
    dropout(_name, x, rate) {
      if (rate) beside.dropout += x.size;
      return x;
    },
    path(_name, branch, rate) {
      beside.branches += branch.size;
      if (rate) beside.droppedBranches += branch.size;
      return branch;
    },
  };
  tf.tidy(() => void forward(tf.zeros([1, ...inputShape]), scope));
  return declared;
}
