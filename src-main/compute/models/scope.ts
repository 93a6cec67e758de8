/**
 * The interface that a network is written against. A scope supplies weights by name and does everything that differs between declaration, training, inference
 * and export. A network gets its weights first and uses them only inside `layer`, so that the declaration (`declare.ts`) learns all shapes without computing
 * anything.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Activation } from '../ops/activation.ts';

export interface Scope {
  weight(name: string, shape: number[], start: Start): Tensor;
  /** Runs an operation that uses weights or has a line in the summary. All weights requested since the previous layer belong to it. */
  layer<T extends Tensor>(layer: Layer, run: () => T): T;
  /** Batch normalisation over all axes except the last, then 2×2 max pooling if `pool` is 2, then the activation. */
  normalise(name: string, x: Tensor4D, after: After): Tensor4D;
  dropout<T extends Tensor>(name: string, x: T, rate: number): T;
  /** Stochastic depth: in training, a residual branch is dropped for some of the images. */
  path<T extends Tensor>(name: string, branch: T, rate: number): T;
  /**
   * Only if someone looks: receives the output of a stage, which is often the sum of a residual block and no layer's output. Returns true if no later stage is
   * needed: the network may then end there.
   */
  stage?(name: string, output: Tensor4D): boolean | void;
  /** Only if statistics are fixed: the kernel `<name>/kernel` with the normalisation `<name>/norm` folded into it. `axis`: the axis of the kernel's outputs. */
  folded?(name: string, axis: number): Folded;
}

/** How a weight is initialised: a constant, normal numbers, or as a kernel (`initialise.ts`). */
export type Start = number | { deviation: number } | Kernel;

export interface Kernel {
  /** Number of inputs of one output, and number of outputs of one input. */
  fanIn: number;
  fanOut: number;
  /** 2 before ReLU, which halves the variance; otherwise 1. */
  gain: number;
  /** A published standard deviation that replaces the one from the fan-in; only for the default initialisation. */
  deviation?: number;
  /** The axis of the outputs. */
  axis: number;
}

export type LayerKind =
  | 'convolution'
  | 'depthwise convolution'
  | 'transposed convolution'
  | 'dense'
  | 'batch normalisation'
  | 'layer normalisation'
  | 'max pooling'
  | 'average pooling'
  | 'scaling'
  | 'addition'
  | 'attention'
  | 'embedding';

export interface Layer {
  name: string;
  kind: LayerKind;
  /** Shape of the output for one image. */
  output: number[];
  /** Multiply-accumulates for one image; only of convolutions, dense layers and the products of attention, like torchvision's counts. */
  macs: number;
  /** Number of further values per image that its gradient needs, such as the weights of an attention. */
  inner?: number;
  /** Of convolutions and pooling: side of the window, and its step. A transposed convolution has a step of less than 1. */
  window?: { size: number; stride: number };
  /** The activation that follows, after the normalisation if there is one; default none. */
  activation?: Activation;
}

export interface After {
  pool?: 1 | 2;
  activation?: Exclude<Activation, 'sigmoid'>;
}

export interface Folded {
  kernel: Tensor;
  bias: Tensor1D;
}

export interface Piece {
  name: string;
  shape: number[];
}

/** The number of values of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
