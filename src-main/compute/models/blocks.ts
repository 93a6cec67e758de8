/**
 * What networks are built of: a layer with what always goes with it, so that training runs the fused kernels and a frozen network has
 * no normalisation left (it is in the kernel). Weights start as He et al. 2015 have it, for the inputs that one output sees.
 */
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { addBias } from '../ops/bias.ts';
import type { Activation } from '../ops/activation.ts';
import { convolve, deconvolve, depthwise, type ConvolutionOptions } from '../ops/convolution.ts';
import { maxPool } from '../ops/pool.ts';
import type { After, Scope } from './network.ts';

export interface ConvolutionBlock extends After {
  filters: number;
  size?: number;
  stride?: number;
  padding?: ConvolutionOptions['padding'];
}

/** Convolution, normalisation over the batch, 2×2 max pooling where asked for, activation. No bias: the normalisation has one. */
export function convolutionBlock(x: Tensor4D, name: string, block: ConvolutionBlock, scope: Scope): Tensor4D {
  const { filters, size = 3, stride = 1, padding = 'same' } = block;
  const inputs = x.shape[3];
  const kernel = scope.weight(`${name}/kernel`, [size, size, inputs, filters], Math.sqrt(2 / (size * size * inputs))) as Tensor4D;
  return normalised(x, kernel, name, 3, convolve, { stride, padding }, block, scope);
}

/** The same with a kernel of its own for each channel. */
export function depthwiseBlock(x: Tensor4D, name: string, block: Omit<ConvolutionBlock, 'filters'>, scope: Scope): Tensor4D {
  const { size = 3, stride = 1, padding = 'same' } = block;
  const kernel = scope.weight(`${name}/kernel`, [size, size, x.shape[3], 1], Math.sqrt(2 / (size * size))) as Tensor4D;
  return normalised(x, kernel, name, 2, depthwise, { stride, padding }, block, scope);
}

/** `axis`: where the kernel has its outputs. */
function normalised(x: Tensor4D, kernel: Tensor4D, name: string, axis: number, op: typeof convolve, options: ConvolutionOptions, { pool = 1, activation = 'none' }: After, scope: Scope): Tensor4D {
  if (!scope.folded) return scope.normalise(`${name}/norm`, op(x, kernel, options), { pool, activation });
  const { kernel: folded, bias } = scope.folded(name, axis);
  // Pooling and an activation that never falls may change places.
  const y = op(x, folded as Tensor4D, { ...options, bias, activation });
  return pool === 2 ? maxPool(y, 2, 2, 'valid') : y;
}

/** Doubles the sides: kernel 4 at stride 2 covers every output pixel equally often, so no chequerboard (Odena et al. 2016). */
export function doublingBlock(x: Tensor4D, name: string, { filters, activation }: { filters: number; activation: Activation }, scope: Scope): Tensor4D {
  const inputs = x.shape[3];
  const kernel = scope.weight(`${name}/kernel`, [4, 4, filters, inputs], Math.sqrt(2 / (4 * inputs))) as Tensor4D; // 4 taps reach each pixel
  return deconvolve(x, kernel, { stride: 2, bias: scope.weight(`${name}/bias`, [filters], 0) as Tensor1D, activation });
}

export function dense(x: Tensor2D, units: number, name: string, scope: Scope, activation: Activation = 'none'): Tensor2D {
  const inputs = x.shape[1];
  const kernel = scope.weight(`${name}/kernel`, [inputs, units], Math.sqrt(1 / inputs)) as Tensor2D;
  return addBias(tf.matMul(x, kernel), scope.weight(`${name}/bias`, [units], 0) as Tensor1D, activation);
}

/** Dense without bias, normalisation over the batch, activation. */
export function denseBlock(x: Tensor2D, units: number, name: string, scope: Scope, activation: After['activation'] = 'relu'): Tensor2D {
  const inputs = x.shape[1];
  const kernel = scope.weight(`${name}/kernel`, [inputs, units], Math.sqrt(2 / inputs)) as Tensor2D;
  if (scope.folded) {
    const { kernel, bias } = scope.folded(name, 1);
    return addBias(tf.matMul(x, kernel as Tensor2D), bias, activation);
  }
  const n = x.shape[0];
  return tf.reshape(scope.normalise(`${name}/norm`, tf.reshape(tf.matMul(x, kernel), [n, 1, 1, units]) as Tensor4D, { activation }), [n, units]);
}
