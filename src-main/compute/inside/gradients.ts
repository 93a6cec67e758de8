/** Gradients of an objective with respect to the image, and to the output of a layer. */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import type { Around } from '../models/network.ts';
import type { Layer } from '../models/scope.ts';
import type { Objective } from './subject.ts';

export interface InputGradient {
  /** Of the objective, [B]. */
  values: Tensor1D;
  /** Like x. */
  gradient: Tensor4D;
}

/**
 * The gradient of each image's objective with respect to the image. `isGuided`: gradients pass a ReLU only where they are positive (guided backpropagation,
 * Springenberg et al. 2015). Call it inside `tf.tidy`.
 */
export function inputGradient(objective: Objective, x: Tensor4D, { isGuided = false } = {}): InputGradient {
  let values: Tensor1D | undefined;
  const around = isGuided ? guided : undefined;
  const gradient = differentiable(
    () =>
      tf.grad((input: Tensor) => {
        values = objective(input as Tensor4D, around);
        return tf.sum(tf.keep(values));
      })(x),
    () => [values],
  ) as Tensor4D;
  return { values: owned(values!), gradient };
}

export interface LayerGradient<T extends Tensor = Tensor> {
  /** [B]. */
  values: Tensor1D;
  /** The output of the layer. */
  activation: T;
  /** Of the objective, in the shape of the activation. */
  gradient: T;
}

/** The output of a layer and the gradient with respect to it, in one pass. Throws BadParameters if the objective does not read the layer. Call it inside `tf.tidy`. */
export function layerGradient<T extends Tensor>(objective: Objective, x: Tensor4D, layer: Layer): LayerGradient<T> {
  let values: Tensor1D | undefined;
  let activation: T | undefined;
  const change: Tensor = tf.zeros([x.shape[0], ...layer.output]);
  const gradient = differentiable(
    () =>
      tf.grad((change: Tensor) => {
        values = objective(x, ((own, run) => {
          const output = run();
          if (own.name !== layer.name) return output;
          activation = tf.keep(output) as unknown as T;
          return tf.add(output, change) as typeof output;
        }) as Around);
        if (!activation) throw new BadParameters(`The network has no layer ‘${layer.name}’.`);
        return tf.sum(tf.keep(values));
      })(change),
    () => [values, activation],
  ) as T;
  return { values: owned(values!), activation: owned(activation!), gradient };
}

/** Gives a kept tensor to the surrounding `tidy`. */
function owned<T extends Tensor>(tensor: T): T {
  const copy = tf.clone(tensor);
  tensor.dispose();
  return copy;
}

/** Turns the errors of tfjs about missing gradients into a message for people. `kept`: tensors to dispose of after an error. */
function differentiable<Result>(work: () => Result, kept: () => (Tensor | undefined)[]): Result {
  try {
    return work();
  } catch (error) {
    forgetTape();
    for (const tensor of kept()) tensor?.dispose();
    const { message } = error as Error;
    if (/gradient function not found|Cannot compute gradient of y=f\(x\) with respect to x/.test(message))
      throw new NoGradient(message);
    throw error;
  }
}

interface Taped {
  gradientDepth: number;
  activeTape: { saved?: Tensor[] }[] | null;
}

/** tfjs frees the tensors that it has saved for the backward pass only if the pass succeeds. */
function forgetTape(): void {
  const state = tf.engine().state as unknown as Taped;
  if (state.gradientDepth > 0 || !state.activeTape) return;
  for (const { saved } of state.activeTape) tf.dispose(saved ?? []);
  state.activeTape = null;
}

/** The objective has no gradient with respect to what was asked. */
export class NoGradient extends BadParameters {
  constructor(detail: string) {
    super(
      /with respect to x/.test(detail)
        ? 'The target does not depend on this layer. Choose another layer.'
        : 'The target is not differentiable here. Choose occlusion, which needs no gradient.',
    );
  }
}

const clipped = new Set(['relu', 'relu6']);

/** In the backward pass, only positive gradients enter a ReLU. */
export const guided: Around = (layer, run) => {
  const output = run();
  if (!clipped.has(layer.activation ?? 'none')) return output;
  return tf.customGrad((...args: unknown[]) => {
    const [y] = args as [Tensor];
    return { value: tf.clone(y), gradFunc: (dy: Tensor): Tensor => tf.relu(dy) };
  })(output) as typeof output;
};
