/** Reconstruction error of an autoencoder with dense layers on the flattened image. It is fast, and best if all images are aligned. */
import { z } from 'zod';
import { mlpAutoencoder } from '../models/mlp-autoencoder.ts';
import { autoencoderMemory, autoencoderParameters, fitAutoencoder, restoreAutoencoder } from './autoencoder.ts';
import { reconstructionOutputs } from './reconstruction.ts';
import { defineScorer } from './scorer.ts';

const schema = z.object({
  ...autoencoderParameters,
  bottleneck: autoencoderParameters.bottleneck
    .unwrap()
    .min(1)
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

export const mlpAe = defineScorer({
  id: 'mlp-ae',
  title: 'MLP autoencoder',
  short: 'MLP AE',
  summary: 'An autoencoder with dense layers on the flattened image: fast, and good if all images are aligned.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  schema,
  fit: (params, context) => fitAutoencoder(mlpAutoencoder(params), params, context),
  memory: (params) => autoencoderMemory(mlpAutoencoder(params), params),
  restore: (params, arrays) => restoreAutoencoder(mlpAutoencoder(params), params, arrays),
});
