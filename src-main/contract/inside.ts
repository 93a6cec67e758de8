/**
 * A look inside a network: its layers, what their units answer to, and why it gave its output for an image. A network is named by the id of a finished run, or
 * of bundled weights.
 */
import type { Box } from './unlike.ts';

/** A network that can be looked into. */
export interface Subject {
  /** Of a run or of bundled weights. */
  id: string;
  title: string;
  /** `detector`: a ranking without a network of its own; its layers are those of the bundled weights that it reads, or none if it reads pixels. */
  kind: 'classifier' | 'autoencoder' | 'detector' | 'weights';
  /** Empty if the network has no named outputs. */
  classes: readonly string[];
  /** The trainings of a cross-validated run; 1 for others. The first is shown. */
  folds: number;
  /** True if an image can be decoded from its code. */
  hasCode: boolean;
}

/** The rectangle of the image that a value of a layer can depend on. */
export interface ReceptiveField {
  /** Side in pixels of the network's input; may be larger than the image. */
  sizePx: number;
  /** Pixels from one value to the next. */
  stridePx: number;
}

export interface NetworkLayer {
  /** Parts of a path: the layers of a block have a common beginning, as in `stage1/block0/first`. */
  name: string;
  kind: string;
  /** Of one image: [rows, columns, channels], [places, channels] of a transformer, or [units]. */
  output: readonly number[];
  parameters: number;
  /** Two per multiply-accumulate. */
  flops: number;
  activationBytes: number;
  /** Null: the whole image. */
  receptiveField: ReceptiveField | null;
  /** The layers that it reads; `input` is the image. More than one for sums, scalings and concatenations. */
  from: readonly string[];
  /** Side of the kernel in rows and columns, inputs and outputs; null for layers without one. */
  kernel: readonly number[] | null;
}

export interface NetworkView {
  id: string;
  /** [rows, columns, channels] of the input. */
  input: readonly number[];
  /** In the order of computation. */
  layers: readonly NetworkLayer[];
  parameters: number;
  flops: number;
  activationBytes: number;
  /** The layer whose output is the code of an autoencoder; null for others. */
  code: string | null;
  /** Epochs of which kernels of the small layers were kept while training; empty if there are none. */
  snapshots: readonly number[];
}

/** What a map explains. `auto`: the predicted class, the reconstruction error, or the anomaly score. */
export type Target =
  | { of: 'auto' }
  | { of: 'class'; name: string }
  | { of: 'difference'; name: string; minus: string }
  /** The loss of the class that the image has. */
  | { of: 'loss' }
  | { of: 'error' }
  | { of: 'score' };

/** Methods that explain an output, by id; also found by these names where no network is known yet. */
export const explanationTitles = {
  'grad-cam': 'Grad-CAM',
  'grad-cam++': 'Grad-CAM++',
  hirescam: 'HiResCAM',
  layercam: 'LayerCAM',
  'guided-grad-cam': 'Guided Grad-CAM',
  saliency: 'Gradient saliency',
  smoothgrad: 'SmoothGrad',
  'integrated-gradients': 'Integrated gradients',
  occlusion: 'Occlusion',
  'attention-rollout': 'Attention rollout',
  'channel-weights': 'Channel weights',
} as const;

/** A method that explains an output, for this network. */
export interface ExplanationMethod {
  id: string;
  title: string;
  /** What its map shows, and what it cannot show: one sentence each. */
  shows: string;
  cannotShow: string;
  /** Its map has negative values. */
  isSigned: boolean;
  /** It reads a layer, which can be chosen. */
  hasLayer: boolean;
  /** It takes seconds, so its progress is shown. */
  isSlow: boolean;
  /** Why the network has no such map; null if it has. */
  reason: string | null;
  /** JSON Schema of its parameters. */
  schema: Record<string, unknown>;
}

export interface ExplanationMethods {
  methods: readonly ExplanationMethod[];
  /** Layers that a method with `hasLayer` can read, in order. The last is not always the best one. */
  layers: readonly string[];
  /** The targets of this network. */
  targets: readonly Target['of'][];
}

/** A map of one image. The array `map` is [rows, columns], and covers the whole image. */
export interface Explanation {
  method: string;
  /** Null if the method reads no layer. */
  layer: string | null;
  /** What the map explains, in words: `dress`, `dress, not shirt`, `reconstruction error`. */
  target: string;
  /** The value of the target for this image: a logit, a loss, an error or a score. */
  value: number;
  rows: number;
  columns: number;
  min: number;
  max: number;
  /** What to know about this map: why it is empty, what part of the image it misses. Null if nothing. */
  note: string | null;
  /** Only integrated gradients: |sum of the map − difference of the outputs| as a fraction of the difference. */
  gap: number | null;
  /** Probabilities of the classes, the highest first, at most 5; empty without classes. */
  predicted: readonly { name: string; probability: number }[];
}

/** Deletion and insertion (Petsiuk et al. 2018): arrays `deletion`, `insertion`, `randomDeletion` and `randomInsertion`, the target's value by the fraction of cells, from 0 to 1. */
export interface FaithfulnessCurves {
  target: string;
  /** Mean of each curve. */
  deletionArea: number;
  insertionArea: number;
  /** The same with pixels in random order. */
  randomDeletionArea: number;
  randomInsertionArea: number;
  /** True: probabilities of a class; false: the target's own unit. */
  isProbability: boolean;
  verdict: string;
}

/** Sanity check (Adebayo et al. 2018): array `maps` [steps, rows, columns]; the first is of the trained network. */
export interface SanityCheck {
  rows: number;
  columns: number;
  /** The layer that each step randomises in addition to those before; the first is null. */
  layers: readonly (string | null)[];
  /** Spearman's rank correlation of each map with the first, of absolute values. */
  correlations: readonly number[];
  verdict: string;
}

/** Kernels of a layer: array `kernels` [outputs, rows, columns, inputs]; first layers have 3 inputs. `norms` [outputs]. */
export interface Filters {
  layer: string;
  outputs: number;
  rows: number;
  columns: number;
  inputs: number;
  /** Outputs whose kernel is nearly zero. */
  dead: readonly number[];
  /** Pairs of outputs with nearly the same kernel: cosine similarity at least 0.98. At most 200, the most alike first. */
  duplicates: readonly (readonly [number, number])[];
  histogram: { from: number; to: number; counts: readonly number[] };
  /** Of this snapshot; null for the finished network. */
  epoch: number | null;
  snapshots: readonly number[];
  /** What the snapshots of this run take on the disk. */
  snapshotBytes: number;
  /** True if the kernels were too many: then only the first inputs are sent, or only the first outputs. `outputs` and `inputs` are those that are sent. */
  isCut: boolean;
}

/** Feature maps of one image: array `maps` [channels, rows, columns]. */
export interface FeatureMaps {
  layer: string;
  rows: number;
  columns: number;
  channels: number;
  /** One scale for all maps. */
  min: number;
  max: number;
  /** The part of the image that the maps cover. Larger than the image if the image is letterboxed. */
  covers: Box;
  note: string | null;
}

/**
 * One feature map in each layer with places, that of the channel that differs most between places: array `maps`, one after the other as bytes, 0 for the least value of the map
 * and 255 for its largest.
 */
export interface FeatureThumbs {
  layers: readonly { name: string; unit: number; rows: number; columns: number }[];
}

/** An image that drives a unit. `box`: its receptive field there. */
export interface UnitImage {
  sampleId: number;
  path: string;
  value: number;
  box: Box;
}

/** Whether a survey knows all images as they are now. */
interface Surveyed {
  /** Images that were surveyed. */
  images: number;
  /** True if images were added, removed or changed, or have another class now. */
  isStale: boolean;
}

/** How the units of a layer answer to the images of the folder. */
export interface LayerSurvey extends Surveyed {
  layer: string;
  units: readonly {
    /** Of the largest value in an image. */
    mean: number;
    max: number;
    /** Fraction of images in which it is never above zero; null for layers without ReLU. */
    silent: number | null;
    /** Above zero in no image. False for layers without ReLU, where this cannot be judged. */
    isDead: boolean;
    /** Fraction of values at the upper limit of ReLU6, or within 0.01 of a limit of the sigmoid; null for other layers. */
    saturated: number | null;
    /** (mean of the best class − mean of the others) / sum of the magnitudes of both, 0..1 (Morcos et al. 2018); and that class. Null with fewer than two classes. */
    selectivity: number | null;
    class: string | null;
  }[];
}

export interface UnitSurvey extends Surveyed {
  layer: string;
  unit: number;
  /** At most 12, the highest first. */
  most: readonly UnitImage[];
  /** At most 6, the lowest first. */
  least: readonly UnitImage[];
  /** Means of the largest value in an image. Only the 256 most frequent classes. */
  byClass: readonly { name: string; mean: number; images: number }[];
}

/** An image that drives a unit or class, made by gradient ascent: array `image` [sizePx, sizePx, 3] as bytes. Its events have the same arrays. */
export interface Maximised {
  step: number;
  steps: number;
  value: number;
  sizePx: number;
}

/** Decoded images: array `images` [count, sizePx, sizePx, 3] as bytes. */
export interface Decoded {
  sizePx: number;
  count: number;
  /** The code of each image if it is short, row-major [count, size]; empty for feature maps. */
  codes: readonly (readonly number[])[];
  /** Usual range of each number of the code over the folder, from the 1st to the 99th percentile; empty if codes are feature maps. */
  ranges: readonly (readonly [number, number])[];
  /** Principal directions of the codes of the folder that can be followed. */
  directions: number;
  /** Labels of the images, such as `+2 σ`. */
  labels: readonly string[];
  note: string | null;
}

/** Where a classifier looks, by class: array `maps` [classes, rows, columns], each the mean over the images with this prediction. */
export interface ClassMaps {
  rows: number;
  columns: number;
  classes: readonly { name: string; images: number }[];
  method: string;
  layer: string | null;
}
