/**
 * A classifier architecture is a record: a title, a schema of its parameters, and the function that builds the classifier. If the record knows the names that
 * torchvision or timm use, their published weights can be imported (`foreign.ts`).
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { dense } from './blocks.ts';
import type { Architecture } from './network.ts';
import type { Scope } from './scope.ts';

export interface Classifier extends Architecture {
  /** The input of the head. */
  features(x: Tensor4D, scope: Scope): Tensor2D; // [B, S, S, 3] → [B, F]
  forward(x: Tensor4D, scope: Scope): Tensor2D; // [B, S, S, 3] → [B, classes], before the softmax
}

export interface ClassifierInput {
  sizePx: number;
  classes: number;
}

/** The names that another library uses for the same weights. */
export interface Convention {
  /** The name of the library. */
  id: string;
  /**
   * Translates the name of a layer: from the prefix before '/kernel', '/gamma' or '/mean' here to the prefix before 'weight', 'bias' or 'running_mean' there. A
   * weight without a layer is translated by its whole name.
   */
  prefix(layer: string): string;
  /** Dense layers after a flattened feature map, with the side of the map: PyTorch flattens the channels first. */
  flattened?: Record<string, number>;
}

/** The tensors of a file, by name. */
export type ForeignTensors = ReadonlyMap<string, { readonly shape: readonly number[] }>;

interface Definition<P> {
  id: string;
  title: string;
  summary: string;
  /** The architecture's parameters. None may have the name of a training parameter. */
  schema: z.ZodObject & z.ZodType<P>;
  usual?: ModelRecord['usual'];
  /** Throws if the image size does not suit the parameters, with a message that says which one does. */
  build(params: P, input: ClassifierInput): Classifier;
  foreign?(params: P): Convention[];
  foreignParameters?(tensors: ForeignTensors): Partial<P>;
}

/** An architecture in the registry. Its functions take unchecked parameters and check them with its schema. */
export interface ModelRecord {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject;
  /** Defaults of training parameters that differ from the common ones for this architecture. */
  usual?: Record<string, number | string>;
  build(params: Record<string, unknown>, input: ClassifierInput): Classifier;
  /** The naming conventions of weights that can be imported. */
  foreign?(params: Record<string, unknown>): Convention[];
  /** The parameters of a file of weights, as far as its names and shapes show them. */
  foreignParameters?(tensors: ForeignTensors): Record<string, unknown>;
}

/** Makes an architecture for the registry from its definition with typed parameters. */
export function defineModel<P>({ build, foreign, ...record }: Definition<P>): ModelRecord {
  return {
    ...record,
    build: (params, input) => build(record.schema.parse(params), input),
    ...(foreign && { foreign: (params: Record<string, unknown>) => foreign(record.schema.parse(params)) }),
  };
}

/** A classifier of features and a dense head. `dropout`: rate before the head; `epsilon`: of batch normalisations. */
export function classifier(
  features: Classifier['features'],
  { classes, dropout = 0, epsilon }: { classes: number; dropout?: number; epsilon?: number },
): Classifier {
  return {
    features,
    epsilon,
    forward: (x, scope) => dense(scope.dropout('head', features(x, scope), dropout), classes, 'head', scope),
  }; // [B, classes]
}

/** The epsilon of batch normalisations in torchvision. */
export const torchEpsilon = 1e-5;

/** Parameters that several architectures have. */
export const dropoutParameter = (rate: number, where: string): z.ZodDefault<z.ZodNumber> =>
  z
    .number()
    .min(0)
    .max(0.9)
    .default(rate)
    .describe(`Fraction of values that are set to zero in training, ${where}; 0 for none.`)
    .meta({ title: 'Dropout', group: 'Model', step: 0.05 });
export const denseUnitsParameter: z.ZodDefault<z.ZodNumber> = z
  .int()
  .min(4)
  .max(4096)
  .default(512)
  .describe(
    'Units of the two dense layers, which hold most of the weights. 4096 as published: imported weights need it.',
  )
  .meta({ title: 'Dense units', group: 'Model' });
export const batchNormParameter = (on: boolean): z.ZodDefault<z.ZodBoolean> =>
  z
    .boolean()
    .default(on)
    .describe(
      'Normalises each channel over the batch after every layer. Deep networks train faster and more reliably with it.',
    )
    .meta({ title: 'Batch normalisation', group: 'Model' });
export const stochasticDepthParameter = (rate: number): z.ZodDefault<z.ZodNumber> =>
  z
    .number()
    .min(0)
    .max(0.9)
    .default(rate)
    .describe(
      'Probability that the last block is skipped in training; it decreases linearly to earlier blocks. Regularises deep networks.',
    )
    .meta({ title: 'Stochastic depth', group: 'Model', advanced: true, step: 0.05 });
