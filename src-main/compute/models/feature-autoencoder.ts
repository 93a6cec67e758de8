/**
 * An autoencoder of the features of single patches: dense layers with ReLU, which are 1×1 convolutions, down to a small code and back. Its input and output may have
 * any number of rows and columns.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { dense } from './blocks.ts';
import type { Architecture } from './network.ts';

export interface FeatureAutoencoder {
  /** Units of the hidden layer of the encoder, and of the decoder. */
  width: number;
  /** Size of the code of a patch. */
  bottleneck: number;
}

export interface PatchArchitecture extends Architecture {
  forward(...args: Parameters<Architecture['forward']>): Tensor4D; // [B, rows, columns, C], like the input
}

export function featureAutoencoder({ width, bottleneck }: FeatureAutoencoder): PatchArchitecture {
  return {
    forward(x, scope) {
      const channels = x.shape[3];
      let h = tf.reshape(x, [-1, channels]) as Tensor2D;
      h = dense(h, width, 'encode', scope, 'relu', { gain: 2 });
      h = dense(h, bottleneck, 'code', scope);
      h = dense(h, width, 'decode', scope, 'relu', { gain: 2 });
      return tf.reshape(dense(h, channels, 'out', scope), x.shape) as Tensor4D;
    },
  };
}
