/**
 * A small convolutional network as in tutorials: blocks of convolution, batch normalisation, max pooling, ReLU and dropout, then one dense layer. With
 * `pooling: global` the trained network takes images of any size.
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { globalAveragePool, convolutionBlock, dense, denseBlock, squeezeExcite } from './blocks.ts';
import { batchNormParameter, classifier, defineModel, dropoutParameter } from './model.ts';

const schema = z.object({
  width: z
    .int()
    .min(4)
    .max(256)
    .default(32)
    .describe('Channels of the first block; they double with each block, up to eight times.')
    .meta({ title: 'Width', group: 'Model' }),
  depth: z
    .int()
    .min(1)
    .max(8)
    .default(4)
    .describe('Blocks, each halving the image.')
    .meta({ title: 'Depth', group: 'Model' }),
  dense: z
    .int()
    .min(4)
    .max(4096)
    .default(256)
    .describe('Units of the dense layer before the classes.')
    .meta({ title: 'Dense units', group: 'Model' }),
  pooling: z
    .enum(['flatten', 'global'])
    .default('global')
    .describe(
      'Input of the dense layer: the flattened last feature map (flatten), or its global average (global), which fits images of any size.',
    )
    .meta({ title: 'Pooling', group: 'Model' }),
  batchNorm: batchNormParameter(true),
  dropout: dropoutParameter(0.1, 'after each block and before the classes'),
  attention: z
    .enum(['none', 'se'])
    .default('none')
    .describe(
      'se: squeeze-and-excitation, which rescales the channels by a global summary of the image (Hu et al. 2018).',
    )
    .meta({ title: 'Attention', group: 'Model', advanced: true }),
});

export const cnn = defineModel({
  id: 'cnn',
  title: 'Convolutional network',
  summary: 'A few convolutional blocks: trains in minutes, and is often good enough.',
  schema,
  build({ width, depth, dense: units, pooling, batchNorm, dropout, attention }, { sizePx, classes }) {
    const most = Math.floor(Math.log2(sizePx));
    if (depth > most)
      throw new Error(
        `Images of ${sizePx} px cannot be halved ${depth} times: choose a depth of at most ${most}, or larger images.`,
      );
    return classifier(
      (x, scope) => {
        let h = x;
        for (let i = 0; i < depth; i++) {
          h = convolutionBlock(
            h,
            `block${i}`,
            { filters: width * Math.min(8, 2 ** i), pool: 2, activation: 'relu', norm: batchNorm },
            scope,
          );
          if (attention === 'se') h = squeezeExcite(h, `block${i}/se`, scope);
          h = scope.dropout(`block${i}`, h, dropout); // [B, S/2^(i+1), S/2^(i+1), filters]
        }
        const [n, height, across, channels] = h.shape;
        const row =
          pooling === 'global'
            ? globalAveragePool(h, 'mean', scope)
            : (tf.reshape(h, [n, height * across * channels]) as Tensor2D);
        return batchNorm
          ? denseBlock(row, units, 'dense', scope)
          : dense(row, units, 'dense', scope, 'relu', { gain: 2 }); // [B, dense]
      },
      { classes, dropout },
    );
  },
});
