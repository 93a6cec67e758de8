/**
 * Convolution, transposed convolution and depthwise convolution, each with bias and activation. On the CPU they are our own kernels (`kernels/conv.cc`,
 * `depthwise.cc`), registered with tfjs as kernels with lazy gradients, so that the gradient of the first layer with respect to the image is not computed.
 * Elsewhere they are tfjs's.
 */
import type { GradFunc, NamedAttrMap, Tensor, Tensor1D, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { activate, activations, type Activation } from './activation.ts';
import { activationGradient, addBias } from './bias.ts';
import { native, ownAttributes, owner, type NativeBackend } from './native.ts';

export interface ConvolutionOptions {
  stride?: number;
  /** 'same' as in TensorFlow; a number is the padding of each side, as in PyTorch. */
  padding?: 'same' | number;
  bias?: Tensor1D;
  activation?: Activation;
}

/** The geometry along one axis: number of results, and zeros before the first value. */
interface Axis {
  out: number;
  before: number;
}

function axis(size: number, kernel: number, stride: number, padding: 'same' | number): Axis {
  if (padding !== 'same') return { out: Math.floor((size + 2 * padding - kernel) / stride) + 1, before: padding };
  const out = Math.ceil(size / stride);
  return { out, before: Math.floor(Math.max(0, (out - 1) * stride + kernel - size) / 2) };
}

/** The size of the output along one axis. */
export const sideAfter = (side: number, kernel: number, { stride = 1, padding = 'same' }: ConvolutionOptions): number =>
  axis(side, kernel, stride, padding).out;

/** The attributes of our kernels, without the activation. `height`, `width`: of the result. */
interface Geometry {
  stride: number;
  padTop: number;
  padLeft: number;
  height: number;
  width: number;
}

function geometryOf(x: Tensor4D, kernel: Tensor4D, stride: number, padding: 'same' | number): Geometry {
  const [rows, columns] = [0, 1].map((i) => axis(x.shape[i + 1], kernel.shape[i], stride, padding));
  return { stride, padTop: rows.before, padLeft: columns.before, height: rows.out, width: columns.out };
}

/** x [B, H, W, in], kernel [h, w, in, out] → [B, H', W', out]. */
export function convolve(x: Tensor4D, kernel: Tensor4D, options: ConvolutionOptions = {}): Tensor4D {
  const { stride = 1, padding = 'same' } = options;
  if (owner('WinnowConv')) return run('WinnowConv', x, kernel, geometryOf(x, kernel, stride, padding), options);
  return compose(x, options, (x, padding) => tf.conv2d(x, kernel, stride, padding));
}

/** x [B, H, W, in], kernel [h, w, out, in] → [B, H·stride, W·stride, out]; padded as 'same'. */
export function deconvolve(x: Tensor4D, kernel: Tensor4D, options: Omit<ConvolutionOptions, 'padding'> = {}): Tensor4D {
  const { stride = 1 } = options;
  const [n, h, w] = x.shape;
  const [height, width] = [h * stride, w * stride];
  if (owner('WinnowConvInput')) {
    const [rows, columns] = [height, width].map((size, i) => axis(size, kernel.shape[i], stride, 'same'));
    return run(
      'WinnowConvInput',
      x,
      kernel,
      { stride, padTop: rows.before, padLeft: columns.before, height, width },
      options,
    );
  }
  return compose(x, options, (x, padding) =>
    tf.conv2dTranspose(x, kernel, [n, height, width, kernel.shape[2]], stride, padding),
  );
}

/** One kernel per channel: x [B, H, W, C], kernel [h, w, C, 1] → [B, H', W', C]. */
export function depthwise(x: Tensor4D, kernel: Tensor4D, options: ConvolutionOptions = {}): Tensor4D {
  const { stride = 1, padding = 'same' } = options;
  if (owner('WinnowDepthwise'))
    return run('WinnowDepthwise', x, kernel, geometryOf(x, kernel, stride, padding), options);
  return compose(x, options, (x, padding) => tf.depthwiseConv2d(x, kernel, stride, padding));
}

function compose(
  x: Tensor4D,
  { padding = 'same', bias, activation = 'none' }: ConvolutionOptions,
  convolution: (x: Tensor4D, padding: 'same' | 'valid') => Tensor4D,
): Tensor4D {
  return tf.tidy(() => {
    const y =
      padding === 'same'
        ? convolution(x, 'same')
        : convolution(
            padding
              ? tf.pad(x, [
                  [0, 0],
                  [padding, padding],
                  [padding, padding],
                  [0, 0],
                ])
              : x,
            'valid',
          );
    return bias ? addBias(y, bias, activation) : activate(y, activation);
  });
}

type Op = 'WinnowConv' | 'WinnowConvInput' | 'WinnowDepthwise';
type Gradients = (
  own: NativeBackend,
  x: Tensor4D,
  w: Tensor4D,
  dz: Tensor4D,
  geometry: Geometry,
) => { x: () => Tensor; w: () => Tensor };

function run(
  op: Op,
  x: Tensor4D,
  w: Tensor4D,
  geometry: Geometry,
  { bias, activation = 'none' }: ConvolutionOptions,
): Tensor4D {
  register();
  const attributes = { ...geometry, activation };
  return tf.tidy(
    () =>
      tf
        .engine()
        .runKernel(op, { x, w, bias: bias ?? tf.zeros([0]) }, attributes as unknown as NamedAttrMap) as Tensor4D,
  );
}

let registered = false;

/** Registers the kernels and their gradients with tfjs. */
function register(): void {
  if (registered) return;
  registered = true;
  const gradients: Record<Op, Gradients> = {
    WinnowConv: convolutionGradients,
    WinnowConvInput: deconvolutionGradients,
    WinnowDepthwise: depthwiseGradients,
  };
  for (const [op, gradientsOf] of Object.entries(gradients) as [Op, Gradients][]) {
    tf.registerKernel({
      kernelName: op,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs }) => {
        const { activation, ...geometry } = attrs as unknown as Geometry & { activation: Activation };
        const { x, w, bias } = inputs as unknown as Record<string, Tensor>;
        return execute(native()!, op, x, w, bias, geometry, activation) as TensorInfo as Tensor;
      },
    });
    const gradFunc: GradFunc = (dy, saved, attrs) => {
      const [x, w, bias, y] = saved;
      const { activation, ...geometry } = attrs as unknown as Geometry & { activation: Activation };
      const own = native()!;
      const [dz, dbias] =
        bias.size || activation !== 'none'
          ? activationGradient(own, y, dy as Tensor, activation)
          : [dy as Tensor, undefined];
      return {
        ...gradientsOf(own, x as Tensor4D, w as Tensor4D, dz as Tensor4D, geometry),
        bias: () => (bias.size ? tf.clone(dbias!) : tf.zeros([0])),
      };
    };
    tf.registerGradient({ kernelName: op, inputsToSave: ['x', 'w', 'bias'], outputsToSave: [true], gradFunc });
  }
}

function execute(
  own: NativeBackend,
  op: Op,
  x: Tensor,
  w: Tensor,
  bias: Tensor,
  geometry: Geometry,
  activation: Activation = 'none',
): Tensor {
  return own.executeSingleOutput(op, ownAttributes(own, { ...geometry, activation: activations[activation] }), [
    x,
    w,
    bias,
  ]);
}

/** The gradient of a convolution with respect to its input is a transposed convolution, and vice versa. The gradient of the kernel is the same computation for both. */
const convolutionGradients: Gradients = (own, x, w, dz, geometry) => ({
  x: () =>
    execute(own, 'WinnowConvInput', dz, w, tf.zeros([0]), { ...geometry, height: x.shape[1], width: x.shape[2] }),
  w: () => kernelGradient(own, x, dz, w, geometry),
});

const deconvolutionGradients: Gradients = (own, x, w, dz, geometry) => ({
  x: () => execute(own, 'WinnowConv', dz, w, tf.zeros([0]), { ...geometry, height: x.shape[1], width: x.shape[2] }),
  w: () => kernelGradient(own, dz, x, w, geometry),
});

function kernelGradient(
  own: NativeBackend,
  image: Tensor,
  result: Tensor,
  { shape: [kh, kw] }: Tensor4D,
  { stride, padTop, padLeft }: Geometry,
): Tensor {
  return own.executeSingleOutput('WinnowConvFilter', ownAttributes(own, { stride, padTop, padLeft, kh, kw }), [
    image,
    result,
  ]);
}

/** TensorFlow's gradients, on the image with explicit padding. */
const depthwiseGradients: Gradients = (_own, x, w, dz, { stride, padTop, padLeft, height, width }) => {
  const after = [
    (height - 1) * stride + w.shape[0] - padTop - x.shape[1],
    (width - 1) * stride + w.shape[1] - padLeft - x.shape[2],
  ].map((n) => Math.max(0, n));
  const around: [number, number][] = [
    [0, 0],
    [padTop, after[0]],
    [padLeft, after[1]],
    [0, 0],
  ];
  const attributes = { strides: [stride, stride], pad: 'valid', dilations: [1, 1], dimRoundingMode: undefined };
  return {
    x: () => {
      const inputShape = x.shape.map((size, i) => size + around[i][0] + around[i][1]);
      const padded = tf.engine().runKernel('DepthwiseConv2dNativeBackpropInput', { dy: dz, filter: w }, {
        ...attributes,
        inputShape,
      } as unknown as NamedAttrMap) as Tensor;
      return tf.slice(padded, [0, padTop, padLeft, 0], x.shape);
    },
    w: () =>
      tf.engine().runKernel('DepthwiseConv2dNativeBackpropFilter', { x: tf.pad(x, around), dy: dz }, {
        ...attributes,
        filterShape: w.shape,
      } as unknown as NamedAttrMap) as Tensor,
  };
};
