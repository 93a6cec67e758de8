/**
 * The bundled weights, trained on ImageNet: used for embeddings and as the start of training. Each file in `assets/weights/` was converted once by the script
 * beside it; its licence is there too. Kernels are float16, statistics float32. The outputs equal PyTorch's within float16 precision
 * (`test/fixtures/pretrained.json`). The hash of a file is checked when it is loaded. Importing this module loads no tensors.
 */
import { hash } from 'node:crypto';
import path from 'node:path';
import { readRegularSync } from '../../file/open.ts';

export interface Pretrained {
  id: string;
  title: string;
  /** The architecture, and the parameters that the weights require. */
  model: string;
  params: Record<string, unknown>;
  /** A safetensors file with timm's names. */
  file: string;
  sha256: string;
  /** The input as in training: a square of this side, and the mean and deviation that normalise values from 0 to 1. */
  sizePx: number;
  mean: [number, number, number];
  deviation: [number, number, number];
  /** Size of an embedding: the global averages of the last layer, followed by those of earlier stages. `levels`: the size of each of these parts. */
  size: number;
  levels: readonly number[];
  /** The first `last` numbers are from the last layer, which describes the content. Only these are used for the similarity of images. */
  last: number;
  /** The stages whose feature maps describe the patches of an image, the finest first. `stride`: pixels per patch. */
  patches: readonly { stage: string; stride: number; channels: number }[];
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
    levels: [1280, 320, 192, 112, 80],
    last: 1280,
    patches: [
      { stage: 'stage2', stride: 8, channels: 40 },
      { stage: 'stage4', stride: 16, channels: 112 },
    ],
  },
];

/** The default weights for embeddings. */
export const usual = pretrained[0];

/** Undefined if no bundled weights have this id. */
export const pretrainedOf = (id: string): Pretrained | undefined => pretrained.find((one) => one.id === id);
/** The weights of an architecture, if there are any. */
export const pretrainedFor = (model: string): Pretrained | undefined => pretrained.find((one) => one.model === model);

/** The maximum size of a file. */
const maxBytes = 2 ** 28;

/** Returns the path of the file after checking its hash. Throws an Error that says what to do if the file is missing or damaged. */
export function checkedFile({ file, sha256, title }: Pretrained): string {
  let found: string;
  try {
    found = hash('sha256', readRegularSync(file, maxBytes));
  } catch (error) {
    throw new Error(`The weights of ${title} cannot be read (${(error as Error).message}). Install Winnow again.`, {
      cause: error,
    });
  }
  if (found !== sha256) throw new Error(`The weights of ${title} in ${file} are damaged. Install Winnow again.`);
  return file;
}
