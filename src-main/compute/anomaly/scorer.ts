/**
 * A scorer is a record: the inputs that it takes (pixels, embeddings or patches), the outputs that it gives for each image, the schema of its parameters, and the function
 * that fits it. Forms, command-line options, axis titles, image panes, routes and tests are generated from the record.
 */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import type { MemoryEstimate } from '../../contract/machine.ts';
import type { Epoch, ScorerInputs, ScorerOutputs } from '../../contract/types.ts';
import type { Box, Place } from '../../contract/unlike.ts';
import type { Autoencoder, Network } from '../models/network.ts';
import type { Pixels } from '../pixels.ts';
import type { FitEvent } from './fit.ts';
import type { Tensors } from '../tensor-file.ts';
import type { Embeddings, FeatureBlock, Features, OpenImages, PatchBlock, Patches } from './images.ts';

/** For each kind of inputs: the reader of all images, and the type of a block of images that a model takes. */
export interface Images {
  pixels: { reader: Pixels; block: Tensor4D }; // [B, S, S, 3], 0..1
  embeddings: { reader: Embeddings; block: Float32Array }; // [B, size]
  patches: { reader: Patches; block: PatchBlock };
  features: { reader: Features; block: FeatureBlock };
}

export interface FitContext<I extends ScorerInputs = ScorerInputs> {
  seed: number;
  images: Images[I]['reader'];
  /** Positions of the training images, at least one. */
  train: Int32Array;
  /** True if a person says that the training images are normal; otherwise anomalies may be among them. */
  areNormal: boolean;
  /** Positions of the images outside the training images, of equal files the first. Missing if nobody selected the training images. */
  unselected?: Int32Array;
  /** Training images with a planted defect, and the position of each original. */
  planted?: { images: OpenImages<I>; of: Int32Array };
  checkpointFile: string;
  /** Where a training keeps kernels of its epochs (`inside/snapshots.ts`); missing if the fit is only a test. */
  snapshotFolder?: string;
  resume: boolean;
  onEvent: (event: FitEvent) => void;
  /** Await it between steps. */
  yieldToEventLoop: () => Promise<void>;
}

/** A fitted scorer. It has `reconstruct`, `encode`, `nearestPatch` and maps if its record's `gives` names them. */
export interface Model<I extends ScorerInputs = ScorerInputs> {
  parameters: number;
  /**
   * `positions`: the positions of the block's images in the set that the scorer was fitted with; −1 for an image that was not in it. A training image is compared
   * with the others only, if the scorer can leave it out.
   */
  score(block: Images[I]['block'], positions: Int32Array): Promise<Scores>;
  /** Compares one place of an image with the normal patches. `block` and `positions` have one image; `at` is in fractions of its sides, 0..1. */
  nearestPatch?(block: Images[I]['block'], positions: Int32Array, at: Place): Promise<NearestPatch>;
  /** Has the shape of the block; 0..1, not clipped. */
  reconstruct?(block: Images[I]['block']): Tensor4D;
  /** The codes of a block: similar images have nearby codes. */
  encode?(block: Images[I]['block']): Tensor2D; // [B, d], d ≥ 1
  /** The network of an autoencoder of pixels. */
  network?: Network<Autoencoder>;
  /** The same score of one block as tensors, for export: made only with operations that `portable/` converts. */
  portable(block: PortableBlock[I]): PortableOutputs;
  /** The arrays to save with the run; `restore` makes the model from them. */
  tensors(): Promise<Tensors>;
  dispose(): void;
}

/** The normal patch that is nearest to a place of an image. */
export interface NearestPatch {
  /** The patch at the place. */
  here: Box;
  /** The position of the training image that the normal patch comes from, in the set that the scorer was fitted with. */
  position: number;
  /** The normal patch in that image. */
  there: Box;
  /** Euclidean distance of both in the features. */
  distance: number;
  /** The same distance of the most unusual patches of a typical normal image. */
  usual: number;
}

/** A block of images as the graph of an exported scorer computes it. */
export interface PortableBlock {
  pixels: Tensor4D; // [B, S, S, 3], 0..1
  embeddings: Tensor2D; // [B, size]
  patches: Pick<PatchBlock, 'maps' | 'grid'>;
  features: Pick<PatchBlock, 'maps' | 'grid'> & { codes: Tensor2D };
}

/** The outputs of an exported scorer. */
export interface PortableOutputs {
  score: Tensor1D; // [B]
  map?: Tensor3D; // [B, rows, columns]
  reconstruction?: Tensor4D; // [B, S, S, 3]
}

export type Scoring<I extends ScorerInputs = ScorerInputs> = Pick<Model<I>, 'score'>;

export interface Scores {
  /** Raw, higher is more anomalous. */
  scores: ArrayLike<number>; // [B]
  maps?: ScoreMaps;
}

/** Maps of a block, [B, rows, columns]; each covers the whole image. */
export interface ScoreMaps {
  values: Float32Array;
  rows: number;
  columns: number;
}

export interface Fitted<I extends ScorerInputs = ScorerInputs> {
  model: Model<I>;
  /**
   * Positions of training images whose scores are as those of unseen images: held out of the fit, or left out in turn. Thresholds and warnings are derived from
   * these. Empty if there are none.
   */
  heldOut: Int32Array;
  /** Positions of the training images that were taken as normal, if these are not all of them. */
  taken?: Int32Array;
  /** For each training image the fraction of its patches that was left out as possible defects, if any were. */
  lost?: Float64Array;
  // The following is only given by scorers that train by epochs.
  history?: Epoch[];
  bestEpoch?: number;
  stopped?: 'early' | 'all';
  resumedFrom?: number | null;
  imagesPerSecond?: number;
  waiting?: number;
  batch?: number;
  memory?: MemoryEstimate;
}

/** `short`: the label of the button that selects the method. */
interface Description<I extends ScorerInputs> {
  id: string;
  title: string;
  short: string;
  summary: string;
  inputs: I;
  gives: ScorerOutputs;
  /** Its models have a `network`. */
  hasNetwork?: boolean;
  /** Id of a faster scorer; its scores are shown until this one has finished. */
  first?: string;
}

interface Definition<I extends ScorerInputs, P> extends Description<I> {
  schema: z.ZodObject & z.ZodType<P>;
  fit(params: P, context: FitContext<I>): Promise<Fitted<I>>;
  /** The memory that `fit` takes; only for scorers that train by batches. */
  memory?(params: P): Promise<MemoryEstimate>;
  /** Makes the model from the arrays of its `tensors()`. */
  restore(params: P, arrays: Record<string, Float32Array>): Model<I>;
}

/** A scorer in the registry. Its functions take unchecked parameters and check them with its schema. */
export interface Scorer extends Description<ScorerInputs> {
  schema: z.ZodObject;
  /** The size of its input images: the side of pixels, the longest side for patches. Undefined for embeddings. */
  sizePx(params: Record<string, unknown>): number | undefined;
  ready(params: Record<string, unknown>): ReadyScorer;
}

/** A scorer with checked parameters; missing ones have their default. */
export interface ReadyScorer {
  params: Record<string, unknown>;
  fit(context: FitContext): Promise<Fitted>;
  memory(): Promise<MemoryEstimate | null>;
  restore(arrays: Record<string, Float32Array>): Model;
}

/** Parameters that a kind of inputs requires: pixels and patches have a size. */
interface InputParameters {
  pixels: { sizePx: number };
  embeddings: object;
  patches: { sizePx: number };
  features: { sizePx: number };
}

/** Makes a scorer for the registry from its definition with typed parameters. */
export function defineScorer<I extends ScorerInputs, P extends InputParameters[I]>({
  fit,
  memory,
  restore,
  ...record
}: Definition<I, P>): Scorer {
  const schema = record.schema.safeExtend(stabilityParameter(record.inputs)) as Definition<I, P>['schema'];
  return {
    ...record,
    schema,
    sizePx: (params) => {
      const parsed: object & { sizePx?: number } = schema.parse(params) as P;
      return parsed.sizePx;
    },
    ready(unchecked) {
      const params = schema.parse(unchecked);
      return {
        params: params as Record<string, unknown>,
        fit: (context) => fit(params, context as FitContext<I>),
        memory: async () => (await memory?.(params)) ?? null,
        restore: (arrays) => restore(params, arrays),
      };
    },
  };
}

/** All scorers have it. Fits to embeddings take about a second, so they are repeated by default. */
const stabilityParameter = (inputs: ScorerInputs) => ({
  stability: z
    .int()
    .min(0)
    .max(5)
    .default(inputs === 'embeddings' ? 2 : 0)
    .describe(
      'Fit again so many times, each to another half of the training images, to report how much the ranks change. Each takes at most the time of the ranking; 0: not measured.',
    )
    .meta({ title: 'Repeats for stability', advanced: true }),
});

/** The longest side of images for features of patches. 0 is replaced before the run by `patchSize`. */
export const patchSizeParameter = {
  sizePx: z
    .literal([0, 224, 320, 448, 640])
    .default(0)
    .describe(
      'Longest side to which images are resized for the features. Small defects need a large side. 0: 448, or 320 in folders of more than 1,000 images.',
    )
    .meta({ title: 'Size', unit: 'px', advanced: true }),
};

/** For scorers whose image score is the mean of the most unusual patches. */
export const topShareParameter = {
  topShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.003)
    .describe('The score is the mean over this fraction of the patches, the most unusual ones; at least one patch.')
    .meta({ title: 'Top fraction', advanced: true, step: 0.001 }),
};

/** The longest side for a folder of this many images, if the person chose none. */
export const patchSize = (images: number): number => (images > 1000 ? 320 : 448);

export const sizeParameter = {
  sizePx: z
    .literal([32, 64, 96, 128, 192, 256])
    .default(128)
    .describe('Images are resized to a square of this size.')
    .meta({ title: 'Size', unit: 'px' }),
};
