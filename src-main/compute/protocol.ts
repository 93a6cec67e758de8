/**
 * What engine and compute say to each other over Node IPC (structured clone). Types only: importing this loads nothing.
 * A request is one call with one argument; it gets any number of events and then one result or one error.
 */
import type { ModelSummary, RangeTest, TrainMode } from '../contract/classifier.ts';
import type { MemoryEstimate } from '../contract/types.ts';
import type { RowSet } from '../rows/row-set.ts';
import type { BackendInfo } from './backend.ts';

export interface FitArgs {
  method: string;
  /** Checked against the method's schema; what is left out takes its default. */
  params: Record<string, unknown>;
  seed: number;
  /** Takes the checkpoint and the model. */
  runFolder: string;
  images: RowSet;
  /** Positions that are trained on. */
  train: Int32Array;
  /** Go on from the checkpoint in the run folder, if there is one. */
  resume: boolean;
}

/** 'train': within an epoch at most five a second, and one at its end (step = steps), the only one with what was judged; `seconds` since training began; `waiting`: the share of them spent waiting for data. */
export type FitEvent = TrainingEvent | { stage: 'score'; done: number; total: number };

export type TrainingEvent =
  | (Pick<Epoch, 'epoch' | 'loss' | 'seconds'> &
      Partial<Epoch> & {
        stage: 'train';
        epochs: number;
        step: number;
        steps: number;
        imagesPerSecond: number;
        waiting?: number;
      })
  | { stage: 'note'; message: string };

export interface Epoch {
  epoch: number;
  loss: number;
  /** Absent where nothing was held out. */
  valLoss?: number;
  seconds: number;
  /** Of a classifier: in training as the images went through it, and on those held out. */
  accuracy?: number;
  valAccuracy?: number;
  /** At its last step. */
  learningRate?: number;
}

export interface FitReport {
  /** Rank correlation of the raw score with the images' entropy: near 1, the score mostly measures how busy an image is. Of scorers of pixels. */
  spearmanEntropy?: number;
  /** The same after the correction for complexity, where one was asked for. */
  spearmanEntropyCorrected?: number;
  /** 99.5th percentile of all maps, where there are any: one colour scale for all of them. */
  mapScale?: number;
}

/** Of any training. */
export interface Trained {
  history: Epoch[];
  epochsRun: number;
  bestEpoch: number;
  stopped: 'early' | 'all';
  /** The epoch after which a resumed run went on. */
  resumedFrom: number | null;
  seconds: number;
  /** While training; and the share of that time spent waiting for data, 0..1. */
  imagesPerSecond: number;
  waiting?: number;
  peakMemoryMiB: number;
  backend: BackendInfo;
  /** Images a step, as asked for or as found; fewer at once where memory ran out on the way. Absent where a method has no steps. */
  batch?: number;
  memory?: MemoryEstimate;
  parameters: number;
}

export interface FitResult extends Trained {
  /** Per position; raw, higher is more anomalous. */
  scores: Float64Array;
  report: FitReport;
}

export interface TrainArgs {
  model: string;
  mode: TrainMode;
  /** Checked against the model's schema for the mode; what is left out takes its default. */
  params: Record<string, unknown>;
  seed: number;
  /** Takes the checkpoint and the model. */
  runFolder: string;
  pixels: RowSet;
  /** Of each position: the place of its class in `classes`, or -1; and a number that stands for its content. */
  labels: Int32Array;
  keys: Int32Array;
  classes: string[];
  /** Positions. Only `train` is learned from; `val` is what the best weights and the temperature are chosen by. */
  train: Int32Array;
  val: Int32Array;
  /** A file of weights to begin from, in the place of the bundled ones. */
  weights: string | null;
  resume: boolean;
}

/** The head alone, on embeddings of the bundled weights. */
export type TrainHeadArgs = Omit<TrainArgs, 'mode' | 'pixels' | 'keys' | 'weights' | 'resume'> & {
  embeddings: RowSet;
};

/** Probabilities of classes, each from heads that did not learn from the image. */
export interface OutOfFoldArgs {
  embeddings: RowSet;
  /** How many of an embedding's first numbers are the last layer's. */
  last: number;
  /** Of each position: the place of its class, −1 for none. */
  labels: Int32Array;
  classes: number;
  /** Each divides the positions anew: the fold of each, −1 for none. */
  partitions: Int32Array[];
  seed: number;
}

export type TrainEvent =
  | TrainingEvent
  /** What the network knows of the images before it is trained. */
  | { stage: 'features'; done: number; total: number }
  /** What it says of some images held out, after each epoch. `predicted`: place in `classes`. */
  | { stage: 'watched'; watched: { position: number; predicted: number; confidence: number }[] }
  | { stage: 'predict'; done: number; total: number };

export interface TrainResult extends Trained {
  logits: Float32Array; // [images, classes]
  /** Over the epochs, for what was trained on or held out; NaN for others. `forgotten`: times that it was right and then wrong (Toneva et al. 2019). */
  meanLoss: Float32Array;
  forgotten: Float32Array;
  /** Of a head alone: the one that was found. */
  penalty?: number;
}

export interface RangeTestEvent {
  point: RangeTest['points'][number];
  total: number;
}

export interface PredictArgs {
  /** Of a finished training. */
  runFolder: string;
  /** From the packed file, or ready as the network takes them: [n, cropPx, cropPx, 3]. */
  pixels: RowSet | { bytes: Uint8Array };
}

export interface PortableArgs {
  /** Of a finished training. */
  runFolder: string;
  formats: readonly ('onnx' | 'tfjs')[];
  /** Divides the logits before the softmax. */
  temperature: number;
  /** Goes into the ONNX file. */
  metadata: Record<string, string>;
}

export interface PortableResult {
  classes: string[];
  transform: { sizePx: number; fit: string; cropPx: number };
  onnx?: Uint8Array;
  /** model.json and what it calls weights.bin. `difference`: of its logits from ours, the largest on a picture of noise. */
  layers?: { model: object; weights: Uint8Array; difference: number };
}

export interface SummariseArgs {
  model: string;
  mode: TrainMode;
  params: Record<string, unknown>;
  classes: number;
}

export interface EstimateArgs {
  method: string;
  params: Record<string, unknown>;
}

/** One image, shown to the model of a finished run. */
export interface ImageArgs {
  runFolder: string;
  /** One row. */
  images: RowSet;
}

export interface MapResult {
  sizePx: number;
  /** As the score pools it, smoothed where the score smooths. */
  map: Float32Array; // [sizePx, sizePx]
}

export interface ReconstructionResult {
  sizePx: number;
  reconstruction: Uint8Array; // [sizePx, sizePx, 3]
}

export interface EmbedArgs {
  /** Of a finished run: its model encodes. */
  runFolder: string;
  images: RowSet;
}

export interface FeaturesArgs {
  /** Bundled weights, by id. */
  model: string;
  /** As they take them: [n, sizePx, sizePx, 3]. */
  bytes: Uint8Array;
}

export interface PairsArgs {
  embeddings: RowSet;
  /** How many of an embedding's first numbers are compared. */
  width: number;
  k: number;
  least: number;
}

export interface EmbedEvent {
  done: number;
  total: number;
}

export interface EmbedResult {
  codes: Float32Array; // [images, size]
  size: number;
}

export interface LayoutArgs {
  codes: Float32Array | RowSet; // [images, size], or the first `size` numbers of embeddings
  size: number;
  seed: number;
  /** How many near images each image is laid out by, itself among them: 2 or more. */
  neighbours?: number;
  /** How close near images may lie, where groups lie about 1 apart. */
  minDistance?: number;
  /** Of more images than this, so many are laid out and the others placed among them. */
  mostLandmarks?: number;
  /** A map that is there already: the images are placed into it, and nothing of it moves. */
  placed?: { codes: Float32Array; xy: Float32Array };
}

export interface LayoutEvent {
  /** 'lay-out' counts steps, 'place' images. */
  stage: 'lay-out' | 'place';
  done: number;
  total: number;
}

export interface LayoutResult {
  xy: Float32Array; // [images, 2], -1..1
  /** Positions in `codes` of the images that were laid out; the others were placed among them. Empty where a map was there. */
  landmarks: Int32Array;
}

export interface Calls {
  backend: { args: undefined; result: BackendInfo; event: never };
  estimate: { args: EstimateArgs; result: MemoryEstimate | null; event: never };
  fit: { args: FitArgs; result: FitResult; event: FitEvent };
  train: { args: TrainArgs; result: TrainResult; event: TrainEvent };
  trainHead: { args: TrainHeadArgs; result: TrainResult; event: TrainEvent };
  outOfFold: { args: OutOfFoldArgs; result: Float32Array; event: { done: number; total: number } };
  rangeTest: { args: TrainArgs; result: RangeTest; event: RangeTestEvent };
  /** Logits: [images, classes]. */
  predict: { args: PredictArgs; result: Float32Array; event: { done: number; total: number } };
  portable: { args: PortableArgs; result: PortableResult; event: never };
  summarise: { args: SummariseArgs; result: ModelSummary; event: never };
  map: { args: ImageArgs; result: MapResult; event: never };
  reconstruct: { args: ImageArgs; result: ReconstructionResult; event: never };
  embed: { args: EmbedArgs; result: EmbedResult; event: EmbedEvent };
  features: { args: FeaturesArgs; result: EmbedResult; event: EmbedEvent };
  /** In nats, from the images that the weights were trained on. */
  distance: { args: FeaturesArgs; result: number; event: never };
  /** Positions two by two. */
  pairs: { args: PairsArgs; result: Int32Array; event: never };
  layout: { args: LayoutArgs; result: LayoutResult; event: LayoutEvent };
}

export type Request = { [C in keyof Calls]: { id: number; call: C; args: Calls[C]['args'] } }[keyof Calls];
export type ToCompute = Request | { cancel: number };

/** `lost`: the process ended under the call. */
export type ComputeErrorCode = 'cancelled' | 'out-of-memory' | 'bad-parameters' | 'disk-full' | 'lost' | 'failed';

export type FromCompute =
  | { id: number; event: Calls[keyof Calls]['event'] }
  | { id: number; result: Calls[keyof Calls]['result'] }
  | { id: number; error: { code: ComputeErrorCode; message: string } }
  /** The last message: an error that belongs to no call ends the process. */
  | { fatal: string };
