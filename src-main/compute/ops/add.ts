/** The end of a residual block: the sum of branch and shortcut, then an activation. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { activate, activations, type Activation } from './activation.ts';
import { activationGradient } from './bias.ts';
import { ownAttributes, owner } from './native.ts';

/** activation(a + b); both [B, H, W, C]. */
export function addActivate(a: Tensor4D, b: Tensor4D, activation: Activation): Tensor4D {
  const own = owner('WinnowAdd');
  if (!own || activation === 'none') return activate(tf.add(a, b), activation);
  return tf.customGrad((...args: unknown[]) => {
    const [a, b, save] = args as [Tensor4D, Tensor4D, (saved: Tensor[]) => void];
    const value = own.executeSingleOutput('WinnowAdd', ownAttributes(own, { activation: activations[activation] }), [
      a,
      b,
    ]);
    save([value]);
    const gradFunc = (dy: Tensor, [y]: Tensor[]): Tensor[] => {
      const [dz] = activationGradient(own, y, dy, activation);
      return [dz, tf.clone(dz)];
    };
    return { value, gradFunc };
  })(a, b) as Tensor4D;
}
