/**
 * The convolutional autoencoder: encoder blocks of convolution, batch normalisation, 2×2 max pooling, ReLU and dropout; a dense bottleneck; and a decoder of
 * transposed convolutions that mirrors the encoder. The bottleneck is small, so only what training images have in common can be encoded: other images get a
 * large reconstruction error. With `bottleneck: 0` the last feature map is the code.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { convolutionBlock, dense, doublingBlock } from './blocks.ts';
import { autoencoder, type Autoencoder } from './network.ts';

export interface ConvAutoencoder {
  sizePx: number;
  /** Channels of the first block; each further block has twice as many, up to four times. */
  width: number;
  /** Blocks, each halving the image. */
  depth: number;
  bottleneck: number;
  dropout: number;
}

/** Throws if `sizePx` cannot be halved `depth` times. */
export function convAutoencoder({ sizePx, width, depth, bottleneck, dropout }: ConvAutoencoder): Autoencoder {
  const channels = Array.from({ length: depth }, (_, i) => width * Math.min(4, 2 ** i));
  const small = sizePx / 2 ** depth;
  if (!Number.isInteger(small)) throw new Error(`An image of ${sizePx} px cannot be halved ${depth} times.`);
  const last = channels[depth - 1];
  return autoencoder(
    (x, scope) => {
      let h = x;
      channels.forEach((filters, i) => {
        h = convolutionBlock(h, `encode${i}`, { filters, pool: 2, activation: 'relu' }, scope);
        h = scope.dropout(`encode${i}`, h, dropout) as Tensor4D; // [B, S/2^(i+1), S/2^(i+1), filters]
      });
      return bottleneck > 0
        ? dense(tf.reshape(h, [x.shape[0], small * small * last]) as Tensor2D, bottleneck, 'code', scope)
        : h; // [B, bottleneck]
    },
    (code, scope) => {
      let h = code as Tensor4D;
      if (bottleneck > 0) {
        const opened = dense(code as Tensor2D, small * small * last, 'open', scope, 'relu');
        h = tf.reshape(opened, [code.shape[0], small, small, last]);
      }
      [...channels.slice(0, -1).reverse(), 3].forEach((filters, i) => {
        h = doublingBlock(h, `decode${i}`, { filters, activation: i < depth - 1 ? 'relu' : 'sigmoid' }, scope);
      });
      return h; // [B, S, S, 3] 0..1
    },
  );
}
