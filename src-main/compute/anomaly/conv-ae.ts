/** Reconstruction error of a convolutional autoencoder: it is trained on the chosen images, and reconstructs unlike images less accurately. */
import { z } from 'zod';
import { convAutoencoder } from '../models/conv-autoencoder.ts';
import { autoencoderMemory, autoencoderParameters, fitAutoencoder, restoreAutoencoder } from './autoencoder.ts';
import { reconstructionOutputs } from './reconstruction.ts';
import { defineScorer } from './scorer.ts';

const schema = z.object(autoencoderParameters).refine(({ sizePx, depth }) => Number.isInteger(sizePx / 2 ** depth), {
  error: 'the image cannot be halved that often',
  path: ['depth'],
});

export const convAe = defineScorer({
  id: 'conv-ae',
  title: 'Convolutional autoencoder',
  short: 'Conv AE',
  summary: 'Learns to reconstruct your images through a small code. Images that it reconstructs badly score high.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  schema,
  fit: (params, context) => fitAutoencoder(convAutoencoder(params), params, context),
  memory: (params) => autoencoderMemory(convAutoencoder(params), params),
  restore: (params, arrays) => restoreAutoencoder(convAutoencoder(params), params, arrays),
});
