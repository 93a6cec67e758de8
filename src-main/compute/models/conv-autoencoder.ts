/**
 * The convolutional autoencoder: encoder blocks of convolution, batch normalisation, 2×2 max pooling, ReLU and dropout; and a decoder of transposed convolutions that
 * mirrors the encoder. The last feature map is the code, so the network takes images of any size. With `skips` each feature map of the encoder is added to the
 * decoder's map of its size (as in U-Net; Ronneberger et al. 2015), so fine structure is not blurred. Such a network can copy its input: it must be trained to repair
 * corrupted images (`train/corruption.ts`).
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { addShortcut, convolutionBlock, doublingBlock } from './blocks.ts';
import type { Autoencoder } from './network.ts';
import type { Scope } from './scope.ts';

export interface ConvAutoencoder {
  /** Channels of the first block; each further block has twice as many, up to four times. */
  width: number;
  /** Blocks, each halving the image. */
  depth: number;
  dropout?: number;
  /** Adds a first block at full size with half of `width`. */
  skips?: boolean;
}

export function convAutoencoder({ width, depth, dropout = 0, skips = false }: ConvAutoencoder): Autoencoder {
  const channels = Array.from({ length: depth }, (_, i) => width * Math.min(4, 2 ** i));
  const full = Math.ceil(width / 2);
  /** The feature maps of the encoder, from the largest to the code: with skips first one of full size, [B, S, S, full]; then [B, S/2^(i+1), S/2^(i+1), channels[i]]. */
  const encodeAll = (x: Tensor4D, scope: Scope): Tensor4D[] => {
    const maps = skips ? [convolutionBlock(x, 'first', { filters: full, activation: 'relu' }, scope)] : [];
    channels.forEach((filters, i) => {
      const h = convolutionBlock(maps.at(-1) ?? x, `encode${i}`, { filters, pool: 2, activation: 'relu' }, scope);
      maps.push(scope.dropout(`encode${i}`, h, dropout) as Tensor4D);
    });
    return maps;
  };
  return {
    encode: (x, scope) => encodeAll(x, scope).at(-1)!,
    forward(x, scope) {
      const maps = encodeAll(x, scope);
      let h = maps.at(-1)!;
      [...channels.slice(0, -1).reverse(), skips ? full : 3].forEach((filters, i) => {
        const activation = skips || i < depth - 1 ? 'relu' : 'sigmoid';
        h = doublingBlock(h, `decode${i}`, { filters, activation }, scope);
        if (skips) h = addShortcut(h, maps[depth - 1 - i], `decode${i}`, {}, scope);
      });
      return skips ? tf.sigmoid(convolutionBlock(h, 'last', { filters: 3, norm: false }, scope)) : h; // [B, S, S, 3] 0..1
    },
  };
}
