/**
 * What a scorer is: a record with a title, a schema of its parameters and the function that fits it. A scorer only learns to
 * reconstruct; what the error is, how it is pooled and corrected is the same for all (error-map.ts, complexity.ts), so that their
 * scores differ by what they learned and by nothing else.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Epoch, MemoryEstimate } from '../../contract/types.ts';
import type { Pixels } from '../pixels.ts';
import type { ErrorMeasure } from './error-map.ts';
import type { FitEvent } from './fit.ts';

export interface FitContext {
  seed: number;
  pixels: Pixels;
  /** Positions that are trained on, at least one. */
  train: Int32Array;
  checkpointFile: string;
  resume: boolean;
  onEvent: (event: FitEvent) => void;
  /** To be awaited between steps. */
  breathe: () => Promise<void>;
}

export interface Model {
  parameters: number;
  reconstruct(x: Tensor4D): Tensor4D; // [B, S, S, 3] both
  /** What the model knows an image by: images with codes near each other look alike to it. */
  encode(x: Tensor4D): Tensor2D; // [B, S, S, 3] → [B, d], d ≥ 1
  arrays(): Promise<Record<string, Float32Array>>;
  dispose(): void;
}

export interface Fitted {
  model: Model;
  history: Epoch[];
  bestEpoch: number;
  stopped: 'early' | 'all';
  resumedFrom: number | null;
  imagesPerSecond: number;
  waiting?: number;
  batch?: number;
  memory?: MemoryEstimate;
}

type ScoreParameters = z.infer<z.ZodObject<typeof scoreParameters>>;

interface Definition<P extends ScoreParameters> {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject & z.ZodType<P>;
  measure(params: P): ErrorMeasure;
  fit(params: P, context: FitContext): Promise<Fitted>;
  /** What `fit` would take, where it trains by batches. */
  memory?(params: P): Promise<MemoryEstimate>;
  /** From what `arrays()` gave. */
  restore(params: P, sizePx: number, arrays: Record<string, Float32Array>): Model;
}

/** A scorer as the registry holds it: parameters come in unchecked and are checked by its own schema. */
export interface Scorer {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject;
  pixels(params: Record<string, unknown>): { sizePx: number };
  ready(params: Record<string, unknown>): ReadyScorer;
}

/** With its parameters filled in. */
export interface ReadyScorer {
  params: ScoreParameters;
  measure: ErrorMeasure;
  fit(context: FitContext): Promise<Fitted>;
  memory(): Promise<MemoryEstimate | null>;
  restore(sizePx: number, arrays: Record<string, Float32Array>): Model;
}

export function defineScorer<P extends ScoreParameters>({
  measure,
  fit,
  memory,
  restore,
  ...record
}: Definition<P>): Scorer {
  return {
    ...record,
    pixels: (params) => ({ sizePx: record.schema.parse(params).sizePx }),
    ready(unchecked) {
      const params = record.schema.parse(unchecked);
      return {
        params,
        measure: measure(params),
        fit: (context) => fit(params, context),
        memory: async () => (await memory?.(params)) ?? null,
        restore: (sizePx, arrays) => restore(params, sizePx, arrays),
      };
    },
  };
}

export const scoreParameters = {
  sizePx: z
    .literal([32, 64, 96, 128, 192, 256])
    .default(64)
    .describe('Images are brought to a square of this size.')
    .meta({ title: 'Size', unit: 'px' }),
  pooling: z
    .enum(['mean', 'quantile', 'max'])
    .default('quantile')
    .describe(
      'How the error map becomes one score: its mean, a high quantile, or its largest value. Small defects ask for the last two.',
    )
    .meta({ title: 'Pooling' }),
  quantile: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.97)
    .describe('Which quantile of the error map, where pooling is by quantile.')
    .meta({ title: 'Quantile', advanced: true, step: 0.005 }),
  smoothing: z
    .number()
    .min(0)
    .max(16)
    .default(1)
    .describe('Blur of the error map before pooling; 0 for none.')
    .meta({ title: 'Smoothing', unit: 'px', advanced: true, step: 0.5 }),
  complexity: z
    .enum(['none', 'entropy'])
    .default('none')
    .describe('Busy images are harder to reconstruct. Entropy: compare each with the training images of like entropy.')
    .meta({ title: 'Complexity' }),
};
