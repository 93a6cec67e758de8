/** The words of training and judging classifiers, as the engine tells them to its doors. Plain data that survives JSON; `types.ts` has the rest. */

import type { TrainRequest } from './schemas.ts';

export const splitNames = ['train', 'val', 'test'] as const;
export type Split = (typeof splitNames)[number];

/**
 * What of a network is trained: all from random weights; the head alone on what bundled weights know of the images; that first and then all of it; all of it at
 * once from bundled weights.
 */
export const trainModes = ['scratch', 'head', 'head-then-all', 'all'] as const;
export type TrainMode = (typeof trainModes)[number];
/** As people know them. */
export const modeTitles: Record<TrainMode, string> = {
  scratch: 'From scratch',
  head: 'Head',
  'head-then-all': 'Head, then all',
  all: 'All',
};

/** How a set is divided before anything is trained, and what is in the way. */
export interface DatasetSplit {
  /** `folders`: by folders named train, val, test; `shares`: drawn by seed, stratified, near duplicates together; `folds`: each image is tested once. */
  by: 'folders' | 'shares' | 'folds';
  folds: number;
  /** By name. With folds, `train` counts what each fold has beside `val`, on average, and `test` all. */
  classes: { name: string; train: number; val: number; test: number }[];
  /** Readable images without a class: neither trained on nor judged, but predicted. */
  unlabelled: number;
  /** Sentences: what makes a training impossible, and what makes it doubtful. */
  problems: string[];
  warnings: string[];
}

/** A number with its 95 % interval: Wilson's for a share of images, from a bootstrap over images for the others. */
export interface Measured {
  value: number;
  low: number;
  high: number;
}

/** How good a classifier is on images that it was not trained on. */
export interface Evaluation {
  /** Which images: the test split, the validation split where there is no test, or all of them out of fold. */
  on: 'test' | 'val' | 'folds';
  images: number;
  accuracy: Measured;
  balancedAccuracy: Measured;
  macroF1: Measured;
  /** Mean cross-entropy in nats. */
  loss: Measured;
  /** The given class is among the `k` most probable; null where there are no more classes than that. */
  topK: (Measured & { k: number }) | null;
  classes: { name: string; images: number; precision: number; recall: number; f1: number }[];
  /** [given][predicted], images, in the order of `classes`. */
  confusion: number[][];
  calibration: Calibration;
}

export interface Calibration {
  /** Expected calibration error over the bins (Guo et al. 2017), 0..1. */
  error: number;
  /** Divides the logits; found on the validation images. 1 where there are none. */
  temperature: number;
  /** The error once the logits are divided by it. */
  scaledError: number;
  /** By confidence of what was predicted, ascending; empty bins are left out. */
  bins: { confidence: number; accuracy: number; images: number }[];
  scaledBins: { confidence: number; accuracy: number; images: number }[];
}

/** What the model says of an image that it is not trained on, as it learns. */
export interface WatchedPrediction {
  sampleId: number;
  given: string;
  predicted: string;
  confidence: number;
}

/** What a run has beside settings and curves where it trained a classifier. */
export interface Classification {
  classes: string[];
  by: DatasetSplit['by'];
  folds: number;
  /** Of folds that are done; with one training alone 0 of 0. */
  fold: number;
  counts: Record<Split, number>;
  /** Some validation images, the same at each epoch. */
  watched: WatchedPrediction[];
  /** Null until the training has ended. */
  evaluation: Evaluation | null;
  /** How it was asked to divide, and what weights it began from; absent in runs from before this was kept. */
  asked?: Pick<TrainRequest, 'division' | 'weights'>;
  /** Absent in runs from before there was more than `scratch`. */
  mode?: TrainMode;
  /** SHA-256 over the images' contents, classes and splits. */
  dataHash: string;
}

/** A learning-rate range test (Smith 2017): the rate rises step by step, the loss is noted. */
export interface RangeTest {
  points: { rate: number; loss: number; smooth: number }[];
  /** A tenth of the rate at which the loss is least; null where it falls nowhere. */
  suggested: number | null;
  stopped: 'diverged' | 'end';
}

/** One layer of a network, by the shape that it gives for one image. */
export interface Layer {
  name: string;
  kind: string;
  output: number[];
  parameters: number;
  /** Multiply-accumulates for one image; what papers call FLOPs. */
  macs: number;
}

export interface ModelSummary {
  layers: Layer[];
  parameters: number;
  macs: number;
  /** Of one image's activations, as floats. */
  activationMiB: number;
  /** What a training by these parameters takes, about. */
  trainingMiB: number;
  freeMiB: number;
  batch: number;
}

/** What training will see of chosen images: `draws` views of each. Pixels: `previewPath`. */
export interface Preview {
  id: string;
  sizePx: number;
  tiles: PreviewTile[];
  /** Where a model was asked: of the tiles whose image it knows unchanged, the share that it no longer knows. */
  lost: { known: number; lost: number } | null;
}

export interface PreviewTile {
  sampleId: number;
  /** From 0: the epoch that sees the image so; -1 is the image as it is when it is judged. */
  draw: number;
  /** What was done to it, in order: "rotate 12°". */
  steps: string[];
  /** What the asked model says of it; null where none was asked. */
  predicted: string | null;
  confidence: number | null;
  /** The model knows the image unchanged and no longer knows it so. */
  lost: boolean;
}

/** A label that is likely wrong. */
export interface LabelSuspect {
  sampleId: number;
  given: string;
  suggested: string;
  /** Probability of the given class, 0..1, by models that did not learn from the image. */
  quality: number;
  /** Of the suggested. */
  confidence: number;
}

/** What waits for a person of the newest search for label errors. */
export interface LabelQueue {
  runId: string;
  judged: number;
  /** Of those judged; the queue has what was not settled since. */
  flagged: number;
  suspects: LabelSuspect[];
}

/** Where a folder stands in the table of how to train on it, and what follows. */
export interface Advice {
  images: number;
  classes: number;
  /** Images of the class in the middle. */
  perClass: number;
  size: 'small' | 'large';
  /** From the images that the bundled weights were trained on, in nats; null where it cannot be told. */
  distance: number | null;
  similarity: 'high' | 'some' | 'low' | null;
  mode: TrainMode;
  /** Why, in sentences. */
  reasons: string[];
  /** The whole table, and the distances between which similarity changes. */
  table: { size: 'small' | 'large'; similarity: 'high' | 'some' | 'low'; mode: TrainMode; then: string }[];
  bounds: [near: number, far: number];
  /** From so many images of the class in the middle on, a folder is large. */
  enough: number;
}

/** The most probable classes of one image by one run, the most probable first. */
export interface Probability {
  class: string;
  probability: number;
}
