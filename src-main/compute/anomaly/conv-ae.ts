/**
 * Reconstruction error of a convolutional autoencoder, and nothing else: trained on the images given, an image that it cannot
 * reproduce is unlike them.
 */
import { z } from 'zod';
import { convAutoencoder } from '../models/conv-autoencoder.ts';
import {
  autoencoderMeasure,
  autoencoderMemory,
  autoencoderParameters,
  fitAutoencoder,
  restoreAutoencoder,
} from './autoencoder.ts';
import { defineScorer } from './scorer.ts';

const schema = z.object(autoencoderParameters).refine(({ sizePx, depth }) => Number.isInteger(sizePx / 2 ** depth), {
  error: 'the image cannot be halved that often',
  path: ['depth'],
});

export const convAe = defineScorer({
  id: 'conv-ae',
  title: 'Convolutional autoencoder',
  summary: 'Learns to redraw your images through a narrow code; what it cannot redraw stands out.',
  schema,
  measure: autoencoderMeasure,
  fit: (params, context) => fitAutoencoder(convAutoencoder(params), params, context),
  memory: (params) => autoencoderMemory(convAutoencoder(params), params),
  restore: (params, sizePx, arrays) => restoreAutoencoder(convAutoencoder(params), sizePx, arrays),
});
