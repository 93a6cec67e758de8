/**
 * Freezes a network for inference: the weights are split into tensors once, and each batch normalisation is folded into the kernel before it (Jacob et al.
 * 2018, §3.2), so that it takes no time.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Folded, Scope } from './scope.ts';

export interface Frozen {
  scope: Scope;
  dispose(): void;
}

type Named = (name: string) => Tensor;

/**
 * Batch normalisation by fixed statistics, folded into the kernel before it or as an operation. Differentiable with respect to the weights, for training with
 * frozen statistics.
 */
export function folding(
  weight: Named,
  statistic: Named,
  epsilon: number,
): Required<Pick<Scope, 'normalise' | 'folded'>> {
  const factors = (name: string): { scale: Tensor1D; shift: Tensor1D } => {
    const scale = tf.div(weight(`${name}/gamma`), tf.sqrt(tf.add(statistic(`${name}/variance`), epsilon))) as Tensor1D;
    return { scale, shift: tf.sub(weight(`${name}/beta`), tf.mul(statistic(`${name}/mean`), scale)) };
  };
  return {
    normalise: (name, x, { pool = 1, activation = 'none' }) => {
      const { scale, shift } = factors(name);
      const y = tf.add(tf.mul(x, scale), shift) as Tensor4D;
      const pooled = pool === 2 ? tf.maxPool(y, 2, 2, 'valid') : y;
      return activation === 'none' ? pooled : activation === 'relu' ? tf.relu(pooled) : tf.relu6(pooled);
    },
    folded(name, axis) {
      const { scale, shift } = factors(`${name}/norm`);
      const kernel = weight(`${name}/kernel`);
      return {
        kernel: tf.mul(
          kernel,
          tf.reshape(
            scale,
            kernel.shape.map((_, i) => (i === axis ? -1 : 1)),
          ),
        ),
        bias: shift,
      };
    },
  };
}

/** The frozen network keeps the given tensors until it is disposed of. */
export function freeze(weights: Map<string, Tensor>, statistics: Map<string, Tensor>, epsilon: number): Frozen {
  const kept: Tensor[] = [...weights.values(), ...statistics.values()].map((t) => tf.keep(t));
  const weight = named(weights);
  const { normalise, folded } = folding(weight, named(statistics), epsilon);
  const folds = new Map<string, Folded>();
  const scope: Scope = {
    weight,
    normalise,
    layer: (_layer, run) => run(),
    dropout: (_name, x) => x,
    path: (_name, branch) => branch,
    folded(name, axis) {
      let fold = folds.get(name);
      if (!fold) {
        fold = folded(name, axis);
        kept.push(tf.keep(fold.kernel), tf.keep(fold.bias));
        folds.set(name, fold);
      }
      return fold;
    },
  };
  return { scope, dispose: () => tf.dispose(kept) };
}

/** A look-up of tensors by name. It throws if there is no tensor of the name. */
export function named(tensors: Map<string, Tensor>): Named {
  return (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The network has no weight '${name}'.`);
    return tensor;
  };
}
