/** An autoencoder with dense layers on the flattened image, trained to repair corrupted images. It is best if all images are aligned. */
import { z } from 'zod';
import { mlpAutoencoder } from '../models/mlp-autoencoder.ts';
import {
  autoencoderMemory,
  autoencoderParameters,
  fitAutoencoder,
  restoreAutoencoder,
  type Trainable,
} from './autoencoder.ts';
import { squaredErrors } from './error-map.ts';
import { reconstructionOutputs } from './reconstruction.ts';
import { defineScorer } from './scorer.ts';

const schema = z.object({
  ...autoencoderParameters,
  // The first and the last layer grow with the square of the size.
  sizePx: autoencoderParameters.sizePx
    .unwrap()
    .default(64)
    .describe('Images are resized to a square of this size.')
    .meta({ title: 'Size', unit: 'px' }),
  bottleneck: z
    .int()
    .min(1)
    .max(4096)
    .default(16)
    .describe('Size of the code. A smaller code reconstructs less of what is unusual.')
    .meta({ title: 'Bottleneck' }),
  width: autoencoderParameters.width
    .unwrap()
    .default(256)
    .describe('Units of the first layer.')
    .meta({ title: 'Width', advanced: true }),
  depth: autoencoderParameters.depth
    .unwrap()
    .default(2)
    .describe('Layers of the encoder, and of the decoder.')
    .meta({ title: 'Depth', advanced: true }),
});

const trainable = (params: z.infer<typeof schema>): Trainable => ({
  network: mlpAutoencoder(params),
  cropPx: params.sizePx,
  // Its reconstructions are blurred: their gradients say nothing.
  errors: squaredErrors,
});

export const mlpAe = defineScorer({
  id: 'mlp-ae',
  title: 'MLP autoencoder',
  short: 'MLP AE',
  summary: 'An autoencoder with dense layers on the flattened image, for images that are aligned.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  hasNetwork: true,
  schema,
  fit: (params, context) => fitAutoencoder(trainable(params), params, context),
  memory: (params) => autoencoderMemory(trainable(params), params),
  restore: (params, arrays) => restoreAutoencoder(trainable(params), arrays),
});
