/** Bias and activation without a convolution, for dense layers. */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { activate, activations, type Activation } from './activation.ts';
import { native, nhwc, ownAttributes, owner, typeAttribute, type NativeBackend } from './native.ts';

/** activation(x [..., C] + bias [C]). tfjs's gradient of a broadcast sum would be three slow reductions. */
export function addBias<T extends Tensor>(x: T, bias: Tensor1D, activation: Activation = 'none'): T {
  const own = owner('WinnowBias');
  if (own) {
    return tf.customGrad((...args: unknown[]) => {
      const [x, bias, save] = args as [T, Tensor1D, (saved: Tensor[]) => void];
      const value = own.executeSingleOutput('WinnowBias', ownAttributes(own, { activation: activations[activation] }), [
        x,
        bias,
      ]);
      save([value]);
      return { value, gradFunc: (dy: Tensor, [y]: Tensor[]): Tensor[] => activationGradient(own, y, dy, activation) };
    })(x, bias) as T;
  }
  const backend = native();
  return activate(backend ? nativeBias(backend, x, bias) : tf.add(x, bias), activation) as T;
}

function nativeBias<T extends Tensor>(backend: NativeBackend, x: T, bias: Tensor1D): T {
  const attributes = [typeAttribute(backend), nhwc(backend)];
  return tf.customGrad((...args: unknown[]) => {
    const [x, bias] = args as [T, Tensor1D];
    const value = backend.executeSingleOutput('BiasAdd', attributes, [x, bias]);
    return {
      value,
      gradFunc: (dy: Tensor): Tensor[] => [dy, backend.executeSingleOutput('BiasAddGrad', attributes, [dy])],
    };
  })(x, bias) as T;
}

/** The gradients with respect to the input of the activation (dz) and to the bias (dbias), from the result y and its gradient dy. By our own kernel. */
export function activationGradient(
  own: NativeBackend,
  y: Tensor,
  dy: Tensor,
  activation: Activation,
): [dz: Tensor, dbias: Tensor] {
  const [dz, dbias] = own.executeMultipleOutputs(
    'WinnowActivationGrad',
    ownAttributes(own, { activation: activations[activation] }),
    [y, dy],
    2,
  );
  if (activation !== 'none') return [dz, dbias];
  dz.dispose();
  return [dy, dbias];
}

/** Column sums of x [N, C] → [C]; our own kernel adds in a fixed order. */
export function columnSums(x: Tensor2D): Tensor1D {
  const own = owner('WinnowBias');
  return (own ? activationGradient(own, x, x, 'none')[1] : tf.sum(x, 0)) as Tensor1D;
}
