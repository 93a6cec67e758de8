/**
 * A convolutional autoencoder that is trained to repair corrupted images of the chosen kind: what it repairs in a new image is unlike them. It trains on parts of the
 * images, so it learns structure wherever it is.
 */
import { z } from 'zod';
import { convAutoencoder } from '../models/conv-autoencoder.ts';
import {
  autoencoderMemory,
  autoencoderParameters,
  fitAutoencoder,
  restoreAutoencoder,
  type AutoencoderParameters,
  type Trainable,
} from './autoencoder.ts';
import { gradientErrors } from './error-map.ts';
import { reconstructionOutputs } from './reconstruction.ts';
import { defineScorer } from './scorer.ts';

const cropPx = 64;

const schema = z.object(autoencoderParameters).refine(({ sizePx, depth }) => Number.isInteger(sizePx / 2 ** depth), {
  error: 'the image cannot be halved that often',
  path: ['depth'],
});

const trainable = ({ sizePx, width, depth }: AutoencoderParameters): Trainable => ({
  network: convAutoencoder({ width, depth, skips: true }),
  cropPx: Math.min(cropPx, sizePx),
  errors: gradientErrors,
});

export const convAe = defineScorer({
  id: 'conv-ae',
  title: 'Convolutional autoencoder',
  short: 'Conv AE',
  summary: 'Learns to repair corrupted versions of your images. Images in which it changes much score high.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  hasNetwork: true,
  schema,
  fit: (params, context) => fitAutoencoder(trainable(params), params, context),
  memory: (params) => autoencoderMemory(trainable(params), params),
  restore: (params, arrays) => restoreAutoencoder(trainable(params), arrays),
});
