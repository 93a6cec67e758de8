/**
 * An autoencoder of dense layers on the flattened image, each with batch normalisation, ReLU and dropout, down to a bottleneck; the decoder mirrors the encoder
 * and ends with a sigmoid.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { dense, denseBlock } from './blocks.ts';
import type { Autoencoder } from './network.ts';
import type { Scope } from './scope.ts';

export interface MlpAutoencoder {
  sizePx: number;
  /** Units of the first hidden layer; each further layer has half as many. */
  width: number;
  /** Hidden layers of the encoder, and of the decoder. */
  depth: number;
  bottleneck: number;
  dropout?: number;
}

export function mlpAutoencoder({ sizePx, width, depth, bottleneck, dropout = 0 }: MlpAutoencoder): Autoencoder {
  const hidden = Array.from({ length: depth }, (_, i) => Math.max(bottleneck, Math.round(width / 2 ** i)));
  const outputs = sizePx * sizePx * 3;
  const layer = (h: Tensor2D, units: number, name: string, scope: Scope): Tensor2D =>
    scope.dropout(name, denseBlock(h, units, name, scope), dropout) as Tensor2D;
  const encode = (x: Tensor4D, scope: Scope): Tensor2D => {
    let h = tf.reshape(x, [x.shape[0], outputs]) as Tensor2D;
    hidden.forEach((units, i) => (h = layer(h, units, `encode${i}`, scope)));
    return dense(h, bottleneck, 'code', scope); // [B, bottleneck]
  };
  return {
    encode,
    forward(x, scope) {
      let h = encode(x, scope);
      hidden.toReversed().forEach((units, i) => (h = layer(h, units, `decode${i}`, scope)));
      return tf.reshape(dense(h, outputs, 'out', scope, 'sigmoid'), x.shape); // [B, S, S, 3] 0..1
    },
  };
}
