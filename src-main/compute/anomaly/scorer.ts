/**
 * What a scorer is: a record that says which inputs it takes and what it gives for each image, with a schema of its parameters and the function that
 * fits it. Forms, flags, axis titles, image panes, routes and tests follow from the record.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { MemoryEstimate } from '../../contract/machine.ts';
import type { Epoch, ScorerInputs, ScorerOutputs } from '../../contract/types.ts';
import type { Pixels } from '../pixels.ts';
import type { FitEvent } from './fit.ts';
import type { Tensors } from '../tensor-file.ts';
import type { Embeddings } from './images.ts';

/** By inputs: how the images are read, and a block of them as a model takes it. */
export interface Images {
  pixels: { reader: Pixels; block: Tensor4D }; // [B, S, S, 3], 0..1
  embeddings: { reader: Embeddings; block: Float32Array }; // [B, size]
}

export interface FitContext<I extends ScorerInputs = ScorerInputs> {
  seed: number;
  images: Images[I]['reader'];
  /** Positions that are trained on, at least one. */
  train: Int32Array;
  checkpointFile: string;
  resume: boolean;
  onEvent: (event: FitEvent) => void;
  /** To be awaited between steps. */
  yieldToEventLoop: () => Promise<void>;
}

/** A fitted scorer. It has `reconstruct` and `encode`, and its scores have maps, where its record says that it gives them. */
export interface Model<I extends ScorerInputs = ScorerInputs> {
  parameters: number;
  /** `positions`: of the block's images among those that it was fitted with; null where they are others. */
  score(block: Images[I]['block'], positions: Int32Array | null): Promise<Scores>;
  /** Same shape as the block, 0..1. */
  reconstruct?(block: Images[I]['block']): Tensor4D;
  /** Images with nearby codes are similar to the model. */
  encode?(block: Images[I]['block']): Tensor2D; // [B, d], d ≥ 1
  /** What the run keeps of the model. Absent where that is as large as the images themselves. */
  tensors?(): Promise<Tensors>;
  dispose(): void;
}

export interface Scores {
  /** Raw, higher is more anomalous. */
  scores: ArrayLike<number>; // [B]
  maps?: Float32Array; // [B, S, S]
}

export interface Fitted<I extends ScorerInputs = ScorerInputs> {
  model: Model<I>;
  /** Where it trains by epochs. */
  history?: Epoch[];
  bestEpoch?: number;
  stopped?: 'early' | 'all';
  resumedFrom?: number | null;
  imagesPerSecond?: number;
  waiting?: number;
  batch?: number;
  memory?: MemoryEstimate;
}

/** `short` stands on the button that chooses the method. */
interface Description<I extends ScorerInputs> {
  id: string;
  title: string;
  short: string;
  summary: string;
  inputs: I;
  gives: ScorerOutputs;
}

interface Definition<I extends ScorerInputs, P> extends Description<I> {
  schema: z.ZodObject & z.ZodType<P>;
  fit(params: P, context: FitContext<I>): Promise<Fitted<I>>;
  /** What `fit` would take, where it trains by batches. */
  memory?(params: P): Promise<MemoryEstimate>;
  /** From what the model's `tensors()` gave. */
  restore?(params: P, arrays: Record<string, Float32Array>): Model<I>;
}

/** A scorer as the registry holds it: parameters come in unchecked and are checked by its own schema. */
export interface Scorer extends Description<ScorerInputs> {
  schema: z.ZodObject;
  /** The side of the squares that it takes. Undefined where it does not take pixels. */
  sizePx(params: Record<string, unknown>): number | undefined;
  ready(params: Record<string, unknown>): ReadyScorer;
}

/** With its parameters filled in. */
export interface ReadyScorer {
  params: Record<string, unknown>;
  fit(context: FitContext): Promise<Fitted>;
  memory(): Promise<MemoryEstimate | null>;
  restore(arrays: Record<string, Float32Array>): Model;
}

/** What the inputs themselves ask for: pixels have a size. */
interface InputParameters {
  pixels: { sizePx: number };
  embeddings: object;
}

export function defineScorer<I extends ScorerInputs, P extends InputParameters[I]>({
  fit,
  memory,
  restore,
  ...record
}: Definition<I, P>): Scorer {
  return {
    ...record,
    sizePx: (params) => {
      const parsed: object & { sizePx?: number } = record.schema.parse(params) as P;
      return record.inputs === 'pixels' ? parsed.sizePx : undefined;
    },
    ready(unchecked) {
      const params = record.schema.parse(unchecked);
      return {
        params: params as Record<string, unknown>,
        fit: (context) => fit(params, context as FitContext<I>),
        memory: async () => (await memory?.(params)) ?? null,
        restore(arrays) {
          if (!restore) throw new Error(`${record.title} keeps no model.`);
          return restore(params, arrays);
        },
      };
    },
  };
}

export const sizeParameter = {
  sizePx: z
    .literal([32, 64, 96, 128, 192, 256])
    .default(64)
    .describe('Images are brought to a square of this size.')
    .meta({ title: 'Size', unit: 'px' }),
};
