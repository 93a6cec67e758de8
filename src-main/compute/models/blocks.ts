/**
 * The blocks that networks are built of: a layer with its normalisation, pooling and activation, so that training can use the fused kernels, and in a frozen
 * network the normalisation is folded into the kernel. Each kernel is declared with its fan-in and fan-out, which determine its initialisation
 * (`initialise.ts`).
 */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Activation } from '../ops/activation.ts';
import { addActivate } from '../ops/add.ts';
import { adaptiveAveragePool } from '../ops/average-pool.ts';
import { addBias } from '../ops/bias.ts';
import { convolve, deconvolve, depthwise, sideAfter, type ConvolutionOptions } from '../ops/convolution.ts';
import { maxPool } from '../ops/pool.ts';
import { traced } from '../ops/traced.ts';
import { sizeOf, type After, type Kernel, type Layer, type LayerKind, type Scope } from './scope.ts';

export interface ConvolutionBlock extends After {
  filters: number;
  size?: number;
  stride?: number;
  padding?: ConvolutionOptions['padding'];
  /** False for a bias instead of a batch normalisation. */
  norm?: boolean;
}

/** Convolution, batch normalisation, 2×2 max pooling if `pool` is 2, activation. There is no bias, since the normalisation has one. */
export function convolutionBlock(x: Tensor4D, name: string, block: ConvolutionBlock, scope: Scope): Tensor4D {
  const { filters, size = 3 } = block;
  const inputs = x.shape[3];
  const start = { fanIn: size * size * inputs, fanOut: size * size * filters, gain: 2, axis: 3 };
  const kernel = scope.weight(`${name}/kernel`, [size, size, inputs, filters], start) as Tensor4D;
  return convolveAndNormalise(
    x,
    kernel,
    { name, kind: 'convolution', size, inputs, outputs: filters, axis: 3, op: convolve },
    block,
    scope,
  );
}

/** The same with a depthwise convolution. */
export function depthwiseBlock(
  x: Tensor4D,
  name: string,
  block: Omit<ConvolutionBlock, 'filters'>,
  scope: Scope,
): Tensor4D {
  const { size = 3 } = block;
  const channels = x.shape[3];
  const start = { fanIn: size * size, fanOut: size * size, gain: 2, axis: 2 };
  const kernel = scope.weight(`${name}/kernel`, [size, size, channels, 1], start) as Tensor4D;
  return convolveAndNormalise(
    x,
    kernel,
    { name, kind: 'depthwise convolution', size, inputs: 1, outputs: channels, axis: 2, op: depthwise },
    block,
    scope,
  );
}

interface Convolution {
  name: string;
  kind: LayerKind;
  size: number;
  /** Input channels of one output. */
  inputs: number;
  outputs: number;
  /** The axis of the kernel with the outputs. */
  axis: number;
  op: typeof convolve;
}

function convolveAndNormalise(
  x: Tensor4D,
  kernel: Tensor4D,
  { name, kind, size, inputs, outputs, axis, op }: Convolution,
  block: Omit<ConvolutionBlock, 'filters'>,
  scope: Scope,
): Tensor4D {
  const { stride = 1, padding = 'same', pool = 1, activation = 'none', norm = true } = block;
  const options = { stride, padding };
  const output = [sideAfter(x.shape[1], size, options), sideAfter(x.shape[2], size, options), outputs];
  const layer: Layer = {
    name,
    kind,
    output,
    macs: sizeOf(output) * size * size * inputs,
    window: { size, stride },
    activation,
  };
  if (norm && !scope.folded)
    return scope.normalise(
      `${name}/norm`,
      scope.layer(layer, () => op(x, kernel, options)),
      { pool, activation },
    );
  const { kernel: own, bias } = norm
    ? scope.folded!(name, axis)
    : { kernel, bias: scope.weight(`${name}/bias`, [outputs], 0) as Tensor1D };
  // Max pooling and a monotonic activation can be swapped.
  const y = scope.layer(layer, () => op(x, own as Tensor4D, { ...options, bias, activation }));
  return pool === 2 ? pool2d(y, `${name}/pool`, { size: 2 }, scope) : y;
}

/** Max pooling; the default `stride` is the size of the window. */
export function pool2d(
  x: Tensor4D,
  name: string,
  { size, stride = size, padding = 0 }: { size: number; stride?: number; padding?: number },
  scope: Scope,
): Tensor4D {
  const [height, width] = [x.shape[1], x.shape[2]].map((side) => sideAfter(side, size, { stride, padding }));
  const window = { size, stride };
  return scope.layer({ name, kind: 'max pooling', output: [height, width, x.shape[3]], macs: 0, window }, () =>
    maxPool(x, size, stride, padding),
  );
}

/** The mean over all positions, [B, C]; for images of any size. */
export function globalAveragePool(x: Tensor4D, name: string, scope: Scope): Tensor2D {
  return scope.layer(
    { name, kind: 'average pooling', output: [x.shape[3]], macs: 0 },
    () => tf.mean(x, [1, 2]) as Tensor2D,
  ); // [B, C]
}

/** Adaptive average pooling to side × side, then flattened: [B, side · side · C]. `x` must be square. */
export function flatten(x: Tensor4D, name: string, side: number, scope: Scope): Tensor2D {
  const grid = scope.layer({ name, kind: 'average pooling', output: [side, side, x.shape[3]], macs: 0 }, () =>
    adaptiveAveragePool(x, side),
  );
  return tf.reshape(grid, [x.shape[0], side * side * x.shape[3]]); // [B, side · side · C]
}

/**
 * A transposed convolution that doubles height and width. Kernel 4 with stride 2 covers all output pixels equally, which avoids checkerboard artefacts (Odena
 * et al. 2016).
 */
export function doublingBlock(
  x: Tensor4D,
  name: string,
  { filters, activation }: { filters: number; activation: Activation },
  scope: Scope,
): Tensor4D {
  const [, height, width, inputs] = x.shape;
  // Four taps contribute to each pixel.
  const kernel = scope.weight(`${name}/kernel`, [4, 4, filters, inputs], {
    fanIn: 4 * inputs,
    fanOut: 16 * filters,
    gain: 2,
    axis: 2,
  }) as Tensor4D;
  const bias = scope.weight(`${name}/bias`, [filters], 0) as Tensor1D;
  const output = [height * 2, width * 2, filters];
  return scope.layer(
    {
      name,
      kind: 'transposed convolution',
      output,
      macs: sizeOf(output) * 4 * inputs,
      window: { size: 4, stride: 0.5 },
      activation,
    },
    () => deconvolve(x, kernel, { stride: 2, bias, activation }),
  );
}

/** A dense layer: x [B, …, inputs] → [B, …, units]. `gain`, `deviation`: initialisation of the kernel (`scope.ts`). */
export function dense<T extends Tensor2D | Tensor3D>(
  x: T,
  units: number,
  name: string,
  scope: Scope,
  activation: Activation = 'none',
  { gain = 1, deviation }: Partial<Pick<Kernel, 'gain' | 'deviation'>> = {},
): T {
  const [rows, inputs] = [x.shape.slice(1, -1), x.shape.at(-1)!];
  const kernel = scope.weight(`${name}/kernel`, [inputs, units], {
    fanIn: inputs,
    fanOut: units,
    gain,
    axis: 1,
    deviation,
  }) as Tensor2D;
  const bias = scope.weight(`${name}/bias`, [units], 0) as Tensor1D;
  return scope.layer(denseLayer(name, rows, inputs, units, activation), () =>
    traced('dense', [x, kernel, bias], { activation }, () => {
      if (!rows.length) return addBias(tf.matMul(x as Tensor2D, kernel), bias, activation) as T;
      return tf.reshape(
        addBias(tf.matMul(tf.reshape(x, [-1, inputs]) as Tensor2D, kernel), bias, activation),
        x.shape.with(-1, units) as [number, number],
      ) as T;
    }),
  );
}

/** Dense layer without bias, batch normalisation, activation. */
export function denseBlock(
  x: Tensor2D,
  units: number,
  name: string,
  scope: Scope,
  activation: After['activation'] = 'relu',
): Tensor2D {
  const inputs = x.shape[1];
  const kernel = scope.weight(`${name}/kernel`, [inputs, units], {
    fanIn: inputs,
    fanOut: units,
    gain: 2,
    axis: 1,
  }) as Tensor2D;
  const layer = denseLayer(name, [], inputs, units, activation);
  if (scope.folded) {
    const { kernel, bias } = scope.folded(name, 1);
    return scope.layer(layer, () => addBias(tf.matMul(x, kernel as Tensor2D), bias, activation));
  }
  const n = x.shape[0];
  const sums = scope.layer(layer, () => tf.matMul(x, kernel));
  return tf.reshape(scope.normalise(`${name}/norm`, tf.reshape(sums, [n, 1, 1, units]) as Tensor4D, { activation }), [
    n,
    units,
  ]);
}

const denseLayer = (name: string, rows: number[], inputs: number, units: number, activation?: Activation): Layer => ({
  name,
  kind: 'dense',
  output: [...rows, units],
  macs: sizeOf(rows) * inputs * units,
  activation,
});

/**
 * Squeeze-and-excitation (Hu et al. 2018): scales each channel by a factor 0..1 computed from the global averages of all channels. `reduction`: ratio of the
 * channels to the units of the hidden layer.
 */
export function squeezeExcite(x: Tensor4D, name: string, scope: Scope, reduction = 16): Tensor4D {
  const [n, height, width, channels] = x.shape;
  const inner = dense(
    globalAveragePool(x, `${name}/mean`, scope),
    Math.max(1, Math.round(channels / reduction)),
    `${name}/squeeze`,
    scope,
    'relu',
    { gain: 2 },
  );
  const scale = dense(inner, channels, `${name}/excite`, scope, 'sigmoid');
  return scope.layer(
    { name, kind: 'scaling', output: [height, width, channels], macs: 0 },
    () => tf.mul(x, tf.reshape(scale, [n, 1, 1, channels])) as Tensor4D,
  );
}

/**
 * The end of a residual block, layer `<name>/add`: branch + shortcut, then the activation. In training, the branch is dropped with probability `rate`
 * (stochastic depth).
 */
export function addShortcut<T extends Tensor3D | Tensor4D>(
  branch: T,
  shortcut: T,
  name: string,
  { rate = 0, activation = 'none' }: { rate?: number; activation?: Activation },
  scope: Scope,
): T {
  const kept = scope.path(name, branch, rate);
  return scope.layer(
    { name: `${name}/add`, kind: 'addition', output: branch.shape.slice(1), macs: 0, activation },
    () => addActivate(kept as Tensor4D, shortcut as Tensor4D, activation) as T,
  );
}
