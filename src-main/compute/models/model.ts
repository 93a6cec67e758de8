/**
 * An architecture for choosing: a record with a title, a schema of its own parameters, and the function that builds the
 * classifier. Weights that torchvision or timm gave away load where the record knows their names (foreign.ts).
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { dense } from './blocks.ts';
import type { Architecture } from './network.ts';
import type { Scope } from './scope.ts';

export interface Classifier extends Architecture {
  /** What the head sees. */
  features(x: Tensor4D, scope: Scope): Tensor2D; // [B, S, S, 3] → [B, F]
  forward(x: Tensor4D, scope: Scope): Tensor2D; // [B, S, S, 3] → [B, classes], before the softmax
}

export interface ClassifierInput {
  sizePx: number;
  classes: number;
}

/** Names that another library gives the same weights. */
export interface Convention {
  /** The library's. */
  id: string;
  /** What stands before 'weight', 'bias', 'running_mean' there, for what stands before '/kernel', '/gamma', '/mean' here; a weight that is no layer's by its whole name. */
  prefix(layer: string): string;
  /** Layers that see a map of features flattened, and its side: PyTorch has the channels first there. */
  flattened?: Record<string, number>;
}

/** Tensors of a file by their names there. */
export type ForeignTensors = ReadonlyMap<string, { readonly shape: readonly number[] }>;

interface Definition<P> {
  id: string;
  title: string;
  summary: string;
  /** The architecture's own parameters, none of them named as one of the training's. */
  schema: z.ZodObject & z.ZodType<P>;
  usual?: ModelRecord['usual'];
  /** Throws if the size cannot work, with a message that names one that does. */
  build(params: P, input: ClassifierInput): Classifier;
  foreign?(params: P): Convention[];
  foreignParameters?(tensors: ForeignTensors): Partial<P>;
}

/** As the registry holds it: parameters come in unchecked and are checked by its own schema. */
export interface ModelRecord {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject;
  /** Defaults of the training's parameters, by name, where its own do not suit this architecture. */
  usual?: Record<string, number | string>;
  build(params: Record<string, unknown>, input: ClassifierInput): Classifier;
  /** In what names weights from elsewhere may come. */
  foreign?(params: Record<string, unknown>): Convention[];
  /** The parameters that weights from elsewhere were made with, as far as names and shapes tell them. */
  foreignParameters?(tensors: ForeignTensors): Record<string, unknown>;
}

export function defineModel<P>({ build, foreign, ...record }: Definition<P>): ModelRecord {
  return {
    ...record,
    build: (params, input) => build(record.schema.parse(params), input),
    ...(foreign && { foreign: (params: Record<string, unknown>) => foreign(record.schema.parse(params)) }),
  };
}

/** Features and a dense head. `dropout`: before the head. */
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

/** torchvision's, in the square root of batch normalisations. */
export const torchEpsilon = 1e-5;

/** Parameters that several architectures have. */
export const dropoutParameter = (rate: number, where: string): z.ZodDefault<z.ZodNumber> =>
  z
    .number()
    .min(0)
    .max(0.9)
    .default(rate)
    .describe(`The share of values left out at random ${where}, while training; 0 for none.`)
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
