/** Types about training and evaluating classifiers, shared by engine, page and command line. Plain JSON data. The other shared types are in `types.ts`. */

import type { TrainRequest } from './schemas.ts';

export const splitNames = ['train', 'val', 'test'] as const;
export type Split = (typeof splitNames)[number];

/**
 * Training modes. `scratch`: all layers, from random weights. `head`: only the last layer, on embeddings of a pretrained network (linear probe).
 * `head-then-all`: first the head, then all layers. `all`: fine-tune all layers from the start.
 */
export const trainModes = ['scratch', 'head', 'head-then-all', 'all'] as const;
export type TrainMode = (typeof trainModes)[number];
/** Labels for people. */
export const modeTitles: Record<TrainMode, string> = {
  scratch: 'From scratch',
  head: 'Head',
  'head-then-all': 'Head, then all',
  all: 'All',
};

/** How the images are split into train, val and test, and what prevents a training. */
export interface DatasetSplit {
  /**
   * `folders`: by folders named train, val, test. `shares`: random by seed, stratified by class, near duplicates in one split. `folds`: k-fold
   * cross-validation, each image is tested once.
   */
  by: 'folders' | 'shares' | 'folds';
  folds: number;
  /** Sorted by name. With folds, `train` and `val` are means over the folds, and `test` counts all images. */
  classes: { name: string; train: number; val: number; test: number }[];
  /** Readable images without a class: not used for training or evaluation, but predicted. */
  unlabelled: number;
  /** Messages: `problems` prevent a training, `warnings` make its result doubtful. */
  problems: string[];
  warnings: string[];
}

/** An estimate with its 95 % confidence interval: Wilson score interval for proportions, bootstrap over images for the others. */
export interface Measured {
  value: number;
  low: number;
  high: number;
}

/** Metrics of a classifier on held-out images. */
export interface Evaluation {
  /** Evaluated images: the test split; the validation split if there is no test split; or all images, each by the model of its fold. */
  on: 'test' | 'val' | 'folds';
  images: number;
  accuracy: Measured;
  balancedAccuracy: Measured;
  macroF1: Measured;
  /** Mean cross-entropy in nats. */
  loss: Measured;
  /** Top-k accuracy; null if there are at most `k` classes. */
  topK: (Measured & { k: number }) | null;
  classes: { name: string; images: number; precision: number; recall: number; f1: number }[];
  /** Image counts [given][predicted], in the order of `classes`. */
  confusion: number[][];
  calibration: Calibration;
}

export interface Calibration {
  /** Expected calibration error over the bins (Guo et al. 2017), 0..1. */
  error: number;
  /** Temperature scaling: the logits are divided by it. Fitted on the validation images; 1 if there are none. */
  temperature: number;
  /** The error after temperature scaling. */
  scaledError: number;
  /** By confidence of the prediction, ascending; empty bins are omitted. */
  bins: { confidence: number; accuracy: number; images: number }[];
  scaledBins: { confidence: number; accuracy: number; images: number }[];
}

/** The current prediction for a validation image while the training runs. */
export interface WatchedPrediction {
  sampleId: number;
  given: string;
  predicted: string;
  confidence: number;
}

/** The part of a run that only classifiers have. */
export interface Classification {
  classes: string[];
  by: DatasetSplit['by'];
  folds: number;
  /** Number of finished folds; 0 of 0 for a single training. */
  fold: number;
  counts: Record<Split, number>;
  /** A few validation images, the same in each epoch. */
  watched: WatchedPrediction[];
  /** Null until the training is finished. */
  evaluation: Evaluation | null;
  /** The requested split and the initial weights; absent in runs of older versions. */
  asked?: Pick<TrainRequest, 'division' | 'weights'>;
  /** Absent in runs of versions that had only `scratch`. */
  mode?: TrainMode;
  /** SHA-256 over the images' contents, classes and splits. */
  dataHash: string;
}

/** A learning-rate range test (Smith 2017): the rate rises step by step and the loss is recorded. */
export interface RangeTest {
  points: { rate: number; loss: number; smooth: number }[];
  /** A tenth of the rate with the lowest loss; null if the loss never falls. */
  suggested: number | null;
  stopped: 'diverged' | 'end';
}

/** One layer of a network, with its output shape for one image. */
export interface Layer {
  name: string;
  kind: string;
  output: number[];
  parameters: number;
  /** Multiply-accumulate operations for one image (papers often call them FLOPs). */
  macs: number;
}

export interface ModelSummary {
  layers: Layer[];
  parameters: number;
  macs: number;
  /** Activations of one image, as float32. */
  activationMiB: number;
  /** Estimated memory of a training with these parameters. */
  trainingMiB: number;
  freeMiB: number;
  batch: number;
}

/** Augmented views of selected images: `draws` views of each. The pixels are served at `previewPath`. */
export interface Preview {
  id: string;
  sizePx: number;
  tiles: PreviewTile[];
  /** If a model was given: counts of the views whose image it predicts correctly without augmentation, and of those that it no longer predicts correctly. */
  lost: { known: number; lost: number } | null;
}

export interface PreviewTile {
  sampleId: number;
  /** Epoch that uses this view, from 0; -1 is the image without augmentation, as in evaluation. */
  draw: number;
  /** Augmentation steps in order, for example "rotate 12°". */
  steps: string[];
  /** Prediction of the given model; null if none was given. */
  predicted: string | null;
  confidence: number | null;
  /** The model predicts the unchanged image correctly, but not this view. */
  lost: boolean;
}

/** A probable label error. */
export interface LabelSuspect {
  sampleId: number;
  given: string;
  suggested: string;
  /** Out-of-fold probability of the given class, 0..1. */
  quality: number;
  /** Probability of the suggested class. */
  confidence: number;
}

/** Open suspects of the newest search for label errors. */
export interface LabelQueue {
  runId: string;
  judged: number;
  /** Number of judged images that are suspected; `suspects` lists those that are still open. */
  flagged: number;
  suspects: LabelSuspect[];
  /** Labels for which there is no evidence, by class and reason. They are never suspected. */
  unjudged: UnjudgedLabels[];
}

/** Images of one class whose label cannot be judged, since no model learned the class without them. */
export interface UnjudgedLabels {
  class: string;
  ids: number[];
  /** A sentence for the user. */
  reason: string;
}

/** The recommended training mode for a folder, and the table that it comes from. */
export interface Advice {
  images: number;
  classes: number;
  /** Images of the median class. */
  perClass: number;
  size: 'small' | 'large';
  /** Distance to the pretraining images, in nats; null if unknown. */
  distance: number | null;
  similarity: 'high' | 'some' | 'low' | null;
  mode: TrainMode;
  /** Explanation for the user. */
  reasons: string[];
  /** The whole table, and the distances at which similarity changes. */
  table: { size: 'small' | 'large'; similarity: 'high' | 'some' | 'low'; mode: TrainMode; then: string }[];
  bounds: [near: number, far: number];
  /** A folder is large if its median class has at least this many images. */
  enough: number;
}

/** Class probabilities of one image from one run, highest first. */
export interface Probability {
  class: string;
  probability: number;
}
