/**
 * Convolution, transposed and depthwise convolution, each with the bias and the activation that follow it. On the processor they are our own
 * kernels (kernels/conv.cc), registered with tfjs as kernels with lazy gradients: the first layer's gradient to the image is never made. Elsewhere tfjs's.
 */
import type { GradFunc, NamedAttrMap, Tensor, Tensor1D, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { activate, activations, type Activation } from './activation.ts';
import { activationGradient, addBias } from './bias.ts';
import { native, ownAttributes, owner, type NativeBackend } from './native.ts';

export interface ConvolutionOptions {
  stride?: number;
  /** 'same' as TensorFlow pads; a number pads each side by it, as PyTorch does. */
  padding?: 'same' | number;
  bias?: Tensor1D;
  activation?: Activation;
}

/** How one axis is passed over: `size` values, `out` results, `before` zeros in front. */
interface Axis {
  out: number;
  before: number;
}

function axis(size: number, kernel: number, stride: number, padding: 'same' | number): Axis {
  if (padding !== 'same') return { out: Math.floor((size + 2 * padding - kernel) / stride) + 1, before: padding };
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max(0, (out - 1) * stride + kernel - size) / 2) };
}

/** What our kernels are told, beside the activation. */
interface Geometry {
  stride: number;
  padTop: number;
  padLeft: number;
  /** Of the result. */
  height: number;
  width: number;
}

/** x [B, H, W, in], kernel [h, w, in, out] → [B, H', W', out]. */
export function convolve(x: Tensor4D, kernel: Tensor4D, options: ConvolutionOptions = {}): Tensor4D {
  const { stride = 1, padding = 'same', bias, activation = 'none' } = options;
  if (owner('WinnowConv')) {
    const [rows, columns] = [0, 1].map((i) => axis(x.shape[i + 1], kernel.shape[i], stride, padding));
    return run('WinnowConv', x, kernel, { stride, padTop: rows.before, padLeft: columns.before, height: rows.out, width: columns.out }, options);
  }
  const padded = typeof padding === 'number' ? pad(x, padding) : x;
  return finish(tf.conv2d(padded, kernel, stride, padding === 'same' ? 'same' : 'valid'), bias, activation);
}

/** x [B, H, W, in], kernel [h, w, out, in] → [B, H·stride, W·stride, out]; padded as 'same'. */
export function deconvolve(x: Tensor4D, kernel: Tensor4D, options: Omit<ConvolutionOptions, 'padding'> = {}): Tensor4D {
  const { stride = 1, bias, activation = 'none' } = options;
  const [n, h, w] = x.shape;
  const [height, width] = [h * stride, w * stride];
  if (owner('WinnowConvInput')) {
    const [rows, columns] = [height, width].map((size, i) => axis(size, kernel.shape[i], stride, 'same'));
    return run('WinnowConvInput', x, kernel, { stride, padTop: rows.before, padLeft: columns.before, height, width }, options);
  }
  return finish(tf.conv2dTranspose(x, kernel, [n, height, width, kernel.shape[2]], stride, 'same'), bias, activation);
}

/** A kernel for each channel: x [B, H, W, C], kernel [h, w, C, 1] → [B, H', W', C]. */
export function depthwise(x: Tensor4D, kernel: Tensor4D, { stride = 1, padding = 'same', bias, activation = 'none' }: ConvolutionOptions = {}): Tensor4D {
  const padded = typeof padding === 'number' ? pad(x, padding) : x;
  return finish(tf.depthwiseConv2d(padded, kernel, stride, padding === 'same' ? 'same' : 'valid'), bias, activation);
}

const pad = (x: Tensor4D, by: number): Tensor4D => (by ? tf.pad(x, [[0, 0], [by, by], [by, by], [0, 0]]) : x);

function finish(y: Tensor4D, bias: Tensor1D | undefined, activation: Activation): Tensor4D {
  return bias ? addBias(y, bias, activation) : activate(y, activation);
}

type Op = 'WinnowConv' | 'WinnowConvInput';

function run(op: Op, x: Tensor4D, w: Tensor4D, geometry: Geometry, { bias, activation = 'none' }: ConvolutionOptions): Tensor4D {
  register();
  const attributes = { ...geometry, activation };
  return tf.engine().runKernel(op, { x, w, bias: bias ?? tf.zeros([0]) }, attributes as unknown as NamedAttrMap) as Tensor4D;
}

let registered = false;

/** Tells tfjs of the two kernels and of each one's gradient, which is the other. */
function register(): void {
  if (registered) return;
  registered = true;
  const others: Record<Op, Op> = { WinnowConv: 'WinnowConvInput', WinnowConvInput: 'WinnowConv' };
  for (const [op, other] of Object.entries(others) as [Op, Op][]) {
    tf.registerKernel({
      kernelName: op,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs }) => {
        const { activation, ...geometry } = attrs as unknown as Geometry & { activation: Activation };
        return execute(native()!, op, inputs as unknown as { x: Tensor; w: Tensor; bias: Tensor }, geometry, activation) as TensorInfo as Tensor;
      },
    });
    const gradFunc: GradFunc = (dy, saved, attrs) => {
      const [x, w, bias, y] = saved;
      const { activation, ...geometry } = attrs as unknown as Geometry & { activation: Activation };
      const backend = native()!;
      const [dz, dbias] = bias.size || activation !== 'none' ? activationGradient(backend, y, dy as Tensor, activation) : [dy as Tensor, undefined];
      const [image, gradient] = op === 'WinnowConv' ? [x, dz] : [dz, x];
      const { stride, padTop, padLeft } = geometry;
      return {
        x: () => execute(backend, other, { x: dz, w, bias: tf.zeros([0]) }, { ...geometry, height: x.shape[1]!, width: x.shape[2]! }, 'none'),
        w: () => backend.executeSingleOutput('WinnowConvFilter', ownAttributes(backend, { stride, padTop, padLeft, kh: w.shape[0]!, kw: w.shape[1]! }), [image, gradient]),
        bias: () => (bias.size ? tf.clone(dbias!) : tf.zeros([0])),
      };
    };
    tf.registerGradient({ kernelName: op, inputsToSave: ['x', 'w', 'bias'], outputsToSave: [true], gradFunc });
  }
}

function execute(backend: NativeBackend, op: Op, { x, w, bias }: { x: Tensor; w: Tensor; bias: Tensor }, geometry: Geometry, activation: Activation): Tensor {
  return backend.executeSingleOutput(op, ownAttributes(backend, { ...geometry, activation: activations[activation] }), [x, w, bias]);
}
