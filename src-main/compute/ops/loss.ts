/** Losses that are one op each way: the mean squared error (ours on the processor), softmax cross-entropy (TensorFlow's). */
import type { GradFunc, Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { native, owner, typeAttribute } from './native.ts';

/** Mean of (y - x)² over everything. */
export function meanSquaredError(x: Tensor, y: Tensor): Scalar {
  tf.util.assertShapesMatch(x.shape, y.shape, 'meanSquaredError: ');
  if (!owner('WinnowSquaredError')) return tf.mean(tf.square(tf.sub(x, y)));
  register();
  return tf.engine().runKernel('WinnowSquaredError', { x, y }) as Scalar;
}

let registered = false;

/** As a kernel with lazy gradients, because the image that is compared with needs none. */
function register(): void {
  if (registered) return;
  registered = true;
  tf.registerKernel({
    kernelName: 'WinnowSquaredError',
    backendName: 'tensorflow',
    kernelFunc: ({ inputs }) => native()!.executeSingleOutput('WinnowSquaredError', [], [inputs.x as Tensor, inputs.y as Tensor]),
  });
  const gradFunc: GradFunc = (g, [x, y]) => {
    const to = (a: Tensor, b: Tensor): Tensor => native()!.executeSingleOutput('WinnowSquaredErrorGrad', [], [a, b, g as Tensor]);
    return { x: () => to(y, x), y: () => to(x, y) };
  };
  tf.registerGradient({ kernelName: 'WinnowSquaredError', inputsToSave: ['x', 'y'], gradFunc });
}

/** Mean over the batch of the cross-entropy between softmax(logits) and targets, both [B, K]; a row of targets adds up to 1. */
export function softmaxCrossEntropy(logits: Tensor2D, targets: Tensor2D): Scalar {
  const backend = native();
  if (!backend) return tf.mean(tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1)));
  return tf.customGrad((...args: unknown[]) => {
    const [logits, save] = args as [Tensor2D, (saved: Tensor[]) => void];
    const [losses, gradient] = backend.executeMultipleOutputs('SoftmaxCrossEntropyWithLogits', [typeAttribute(backend)], [logits, targets], 2);
    save([gradient]);
    return { value: tf.mean(losses) as Scalar, gradFunc: (g: Tensor, [gradient]: Tensor[]): Tensor => tf.mul(gradient, tf.div(g, logits.shape[0])) };
  })(logits) as Scalar;
}
