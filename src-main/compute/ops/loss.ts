/** Losses with one op for the forward pass and one for the gradient: mean squared error (our own kernel on the CPU) and softmax cross-entropy (TensorFlow's). */
import type { GradFunc, Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, owner, typeAttribute } from './native.ts';

/** Mean of (y − x)² over all values. */
export function meanSquaredError(x: Tensor, y: Tensor): Scalar {
  tf.util.assertShapesMatch(x.shape, y.shape, 'meanSquaredError: ');
  if (!owner('WinnowSquaredError')) return tf.mean(tf.square(tf.sub(x, y)));
  register();
  return tf.engine().runKernel('WinnowSquaredError', { x, y }) as Scalar;
}

let registered = false;

/** Registered as a kernel with lazy gradients, since the image needs none. */
function register(): void {
  if (registered) return;
  registered = true;
  tf.registerKernel({
    kernelName: 'WinnowSquaredError',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs }) =>
      native()!.executeSingleOutput('WinnowSquaredError', [], [inputs.x as Tensor, inputs.y as Tensor]),
  });
  const gradFunc: GradFunc = (g, [x, y]) => {
    const to = (a: Tensor, b: Tensor): Tensor =>
      native()!.executeSingleOutput('WinnowSquaredErrorGrad', [], [a, b, g as Tensor]);
    return { x: () => to(y, x), y: () => to(x, y) };
  };
  tf.registerGradient({ kernelName: 'WinnowSquaredError', inputsToSave: ['x', 'y'], gradFunc });
}

/** Cross-entropy of softmax(logits) and targets for each row, → [B]. Both are [B, K]; each row of targets adds up to 1. */
export function crossEntropies(logits: Tensor2D, targets: Tensor2D): Tensor1D {
  const backend = native();
  if (!backend) return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1));
  return tf.customGrad((...args: unknown[]) => {
    const [logits, save] = args as [Tensor2D, (saved: Tensor[]) => void];
    const [losses, gradient] = backend.executeMultipleOutputs(
      'SoftmaxCrossEntropyWithLogits',
      [typeAttribute(backend)],
      [logits, targets],
      2,
    );
    save([gradient]);
    return {
      value: losses,
      gradFunc: (g: Tensor, [gradient]: Tensor[]): Tensor => tf.mul(gradient, tf.expandDims(g, 1)),
    };
  })(logits) as Tensor1D;
}

/** The mean cross-entropy of a batch. */
export const softmaxCrossEntropy = (logits: Tensor2D, targets: Tensor2D): Scalar =>
  tf.mean(crossEntropies(logits, targets));

/** Focal loss (Lin et al. 2017) of each row, → [B]: the cross-entropy times (1 − p)^gamma, so that well-classified images count less. */
export function focalLosses(logits: Tensor2D, targets: Tensor2D, gamma: number): Tensor1D {
  const logs = tf.logSoftmax(logits);
  return tf.neg(tf.sum(tf.mul(tf.mul(targets, tf.pow(tf.sub(1, tf.exp(logs)), gamma)), logs), 1));
}
