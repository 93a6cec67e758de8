/** A multilayer perceptron: dense layers on the flattened image. It ignores the positions of pixels, so it is the baseline for the other architectures. */
import type { Tensor2D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { dense, denseBlock } from './blocks.ts';
import { batchNormParameter, classifier, defineModel, dropoutParameter } from './model.ts';

const schema = z.object({
  width: z
    .int()
    .min(4)
    .max(4096)
    .default(256)
    .describe('Units of each hidden layer.')
    .meta({ title: 'Width', group: 'Model' }),
  depth: z.int().min(1).max(8).default(2).describe('Hidden layers.').meta({ title: 'Depth', group: 'Model' }),
  batchNorm: batchNormParameter(true),
  dropout: dropoutParameter(0.2, 'after each hidden layer'),
});

export const mlp = defineModel({
  id: 'mlp',
  title: 'Multilayer perceptron',
  summary: 'Dense layers only: fast and simple, for small, aligned images.',
  schema,
  build: ({ width, depth, batchNorm, dropout }, { classes }) =>
    classifier(
      (x, scope) => {
        const [n, height, across, channels] = x.shape;
        let h = tf.reshape(x, [n, height * across * channels]) as Tensor2D;
        for (let i = 0; i < depth; i++) {
          h = batchNorm
            ? denseBlock(h, width, `hidden${i}`, scope)
            : dense(h, width, `hidden${i}`, scope, 'relu', { gain: 2 });
          h = scope.dropout(`hidden${i}`, h, dropout);
        }
        return h; // [B, width]
      },
      { classes },
    ),
});
