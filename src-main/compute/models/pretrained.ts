/**
 * Weights that come with the program: what a network has learned of ImageNet, to know images by and to begin from. Each was converted once by the
 * script beside it (assets/weights), with its licence. Importing this loads no tensors.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { readRegularSync } from '../../file/open.ts';

export interface Pretrained {
  id: string;
  title: string;
  /** The architecture, and its own parameters that the weights want. */
  model: string;
  params: Record<string, unknown>;
  /** safetensors, the layers named as timm does. */
  file: string;
  sha256: string;
  /** How images come to it, as when it was trained: a square of this side, of 0..1 less the mean, over the deviation. */
  sizePx: number;
  mean: [number, number, number];
  deviation: [number, number, number];
  /** Numbers of an embedding: means over the places of the last layer first, which tell what is seen, then those of earlier stages. */
  size: number;
  /** How many are the last layer's: who is like whom is asked of these. */
  last: number;
}

const weights = path.resolve(import.meta.dirname, '..', '..', '..', 'assets', 'weights');
const all = (value: number): [number, number, number] => [value, value, value];

export const pretrained: readonly Pretrained[] = [
  {
    id: 'efficientnet-lite0',
    title: 'EfficientNet-Lite0, trained on ImageNet',
    model: 'efficientnet-lite0',
    params: { padding: 'tensorflow', levels: true },
    file: path.join(weights, 'efficientnet-lite0.safetensors'),
    sha256: 'f812dda5d6a3ae4086e75736c15777e228642e82bbe219894f36197c674bc4d6',
    sizePx: 224,
    mean: all(127 / 255),
    deviation: all(128 / 255),
    size: 1280 + 320 + 192 + 112 + 80,
    last: 1280,
  },
];

/** The default weights for embeddings. */
export const usual = pretrained[0];

export const pretrainedOf = (id: string): Pretrained | undefined => pretrained.find((one) => one.id === id);
/** The weights of an architecture, if there are any. */
export const pretrainedFor = (model: string): Pretrained | undefined => pretrained.find((one) => one.model === model);

/** Bundled weights are small. */
const mostBytes = 2 ** 28;

/** Throws an Error that says what to do where the file is missing or is not the one that was packed. */
export function checkedFile({ file, sha256, title }: Pretrained): string {
  let found: string;
  try {
    found = createHash('sha256').update(readRegularSync(file, mostBytes)).digest('hex');
  } catch (error) {
    throw new Error(`The weights of ${title} cannot be read (${(error as Error).message}). Install Winnow again.`, {
      cause: error,
    });
  }
  if (found !== sha256) throw new Error(`The weights of ${title} in ${file} are damaged. Install Winnow again.`);
  return file;
}
