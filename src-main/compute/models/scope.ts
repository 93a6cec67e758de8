/**
 * What a network is written against: a scope hands out weights by name and does what differs between declaring, training and inference. A
 * weight is asked for first and used only inside `layer`, so that the declaring pass (declare.ts) learns shapes without multiplying anything.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Activation } from '../ops/activation.ts';

export interface Scope {
  weight(name: string, shape: number[], start: Start): Tensor;
  /** Everything that uses weights, or is worth a line in a summary. The weights asked for since the layer before are its own. */
  layer<T extends Tensor>(layer: Layer, run: () => T): T;
  /** Batch normalisation over everything but the last axis, then 2×2 max pooling where `pool` is 2, then the activation. */
  normalise(name: string, x: Tensor4D, after: After): Tensor4D;
  dropout<T extends Tensor>(name: string, x: T, rate: number): T;
  /** Stochastic depth: while training, the branch of a residual is left out for some of the images. */
  path<T extends Tensor>(name: string, branch: T, rate: number): T;
  /** Frozen: the kernel `<name>/kernel` with the normalisation `<name>/norm` in it. `axis`: where the kernel has its outputs. */
  folded?(name: string, axis: number): Folded;
}

/** How a weight begins: all one number, noise, or as a kernel does (initialise.ts). */
export type Start = number | { deviation: number } | Kernel;

export interface Kernel {
  /** Inputs that one output sees, and outputs that one input reaches. */
  fanIn: number;
  fanOut: number;
  /** 2 before a rectifier, which halves the variance, else 1. */
  gain: number;
  /** As published, where that is not by fan-in; for the default way of beginning alone. */
  deviation?: number;
  /** Where the shape has its outputs. */
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
  | 'attention'
  | 'embedding';

export interface Layer {
  name: string;
  kind: LayerKind;
  /** Of one image. */
  output: number[];
  /** Multiplications, each with its addition, for one image; of convolutions, dense layers and attention's products alone, as torchvision counts them. */
  macs: number;
  /** Values of one image that it computes beside its output, and that its gradient needs: the weights of an attention. */
  inner?: number;
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

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
