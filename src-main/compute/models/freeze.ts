/**
 * A network for inference: its weights cut out once, and each normalisation folded into the kernel before it (Jacob et al. 2018, §3.2), so that nothing
 * of it is left to compute.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Folded, Scope } from './scope.ts';

export interface Frozen {
  scope: Scope;
  dispose(): void;
}

/** What is given is kept until it is disposed. */
export function freeze(weights: Map<string, Tensor>, statistics: Map<string, Tensor>, epsilon: number): Frozen {
  const kept: Tensor[] = [...weights.values(), ...statistics.values()].map((t) => tf.keep(t));
  const [weight, statistic] = [named(weights), named(statistics)];
  const folds = new Map<string, Folded>();
  const factors = (name: string): { scale: Tensor1D; shift: Tensor1D } => {
    const scale = tf.div(weight(`${name}/gamma`), tf.sqrt(tf.add(statistic(`${name}/variance`), epsilon))) as Tensor1D;
    return { scale, shift: tf.sub(weight(`${name}/beta`), tf.mul(statistic(`${name}/mean`), scale)) };
  };
  const scope: Scope = {
    weight,
    normalise: (name, x, { pool = 1, activation = 'none' }) => {
      const { scale, shift } = factors(name);
      const y = tf.add(tf.mul(x, scale), shift) as Tensor4D;
      const pooled = pool === 2 ? tf.maxPool(y, 2, 2, 'valid') : y;
      return activation === 'none' ? pooled : activation === 'relu' ? tf.relu(pooled) : tf.relu6(pooled);
    },
    layer: (_layer, run) => run(),
    dropout: (_name, x) => x,
    path: (_name, branch) => branch,
    folded(name, axis) {
      let fold = folds.get(name);
      if (!fold) {
        const { scale, shift } = factors(`${name}/norm`);
        const kernel = weight(`${name}/kernel`);
        fold = { kernel: tf.keep(tf.mul(kernel, tf.reshape(scale, kernel.shape.map((_, i) => (i === axis ? -1 : 1))))), bias: tf.keep(shift) };
        kept.push(fold.kernel, fold.bias);
        folds.set(name, fold);
      }
      return fold;
    },
  };
  return { scope, dispose: () => tf.dispose(kept) };
}

export function named(tensors: Map<string, Tensor>): (name: string) => Tensor {
  return (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The network has no weight '${name}'.`);
    return tensor;
  };
}
