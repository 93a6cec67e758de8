/**
 * The convolutional autoencoder: encoder blocks of convolution, batch normalisation, 2×2 max pooling, ReLU and dropout, a dense
 * bottleneck, and a decoder of transposed convolutions that mirrors it. A small bottleneck is what makes the reconstruction error
 * say something: what the training images do not share does not fit through. With `bottleneck: 0` the last feature map is the code.
 */
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { addBias, halve, relu } from '../ops/layers.ts';
import type { Architecture, Scope } from './network.ts';

export interface ConvAutoencoder {
  sizePx: number;
  /** Channels of the first block; each further block has twice as many, up to four times. */
  width: number;
  /** Blocks, each halving the image. */
  depth: number;
  bottleneck: number;
  dropout: number;
}

export function convAutoencoder({ sizePx, width, depth, bottleneck, dropout }: ConvAutoencoder): Architecture {
  const channels = Array.from({ length: depth }, (_, i) => width * Math.min(4, 2 ** i));
  const small = sizePx / 2 ** depth;
  if (!Number.isInteger(small)) throw new Error(`An image of ${sizePx} px cannot be halved ${depth} times.`);
  const last = channels[depth - 1];
  return {
    encode(x, scope) {
      let h = x;
      channels.forEach((filters, i) => {
        h = scope.normalise(`encode${i}/norm`, convolve(h, filters, `encode${i}`, scope));
        h = relu(halve(h));
        h = scope.dropout(`encode${i}`, h, dropout) as Tensor4D; // [B, S/2^(i+1), S/2^(i+1), filters]
      });
      return bottleneck > 0 ? dense(tf.reshape(h, [x.shape[0], -1]), bottleneck, 'code', scope) : h; // [B, bottleneck]
    },
    decode(code, scope) {
      let h = code as Tensor4D;
      if (bottleneck > 0) {
        const opened = relu(dense(code as Tensor2D, small * small * last, 'open', scope));
        h = tf.reshape(opened, [code.shape[0], small, small, last]);
      }
      [...channels.slice(0, -1).reverse(), 3].forEach((filters, i) => {
        h = deconvolve(h, filters, `decode${i}`, scope);
        h = i < depth - 1 ? relu(h) : tf.sigmoid(h);
      });
      return h; // [B, S, S, 3] 0..1
    },
  };
}

function convolve(x: Tensor4D, filters: number, name: string, scope: Scope): Tensor4D {
  const inputs = x.shape[3];
  // He et al. 2015. No bias: the normalisation that follows has one.
  const kernel = scope.weight(`${name}/kernel`, [3, 3, inputs, filters], Math.sqrt(2 / (9 * inputs))) as Tensor4D;
  return tf.conv2d(x, kernel, 1, 'same');
}

function deconvolve(x: Tensor4D, filters: number, name: string, scope: Scope): Tensor4D {
  const [n, h, w, inputs] = x.shape;
  // Kernel 4 at stride 2 covers every output pixel equally often, so no chequerboard (Odena et al. 2016); 4 taps reach each.
  const kernel = scope.weight(`${name}/kernel`, [4, 4, filters, inputs], Math.sqrt(2 / (4 * inputs))) as Tensor4D;
  return addBias(tf.conv2dTranspose(x, kernel, [n, h * 2, w * 2, filters], 2, 'same'), scope.weight(`${name}/bias`, [filters], 0) as Tensor1D);
}

export function dense(x: Tensor2D, units: number, name: string, scope: Scope): Tensor2D {
  const inputs = x.shape[1];
  const kernel = scope.weight(`${name}/kernel`, [inputs, units], Math.sqrt(1 / inputs)) as Tensor2D;
  return addBias(tf.matMul(x, kernel), scope.weight(`${name}/bias`, [units], 0) as Tensor1D);
}
