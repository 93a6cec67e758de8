/**
 * Converts a traced network to a TF.js LayersModel of standard layers only, so that any web page can load it with `tf.loadLayersModel`. Input: images [n, S, S,
 * 3], 0..255; outputs: logits and probabilities. Operations without a standard layer are expressed by others: the sum with a constant is a batch normalisation
 * that only shifts, a slice is a crop.
 */
import type { io, LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { transposed } from './onnx-writer.ts';
import type { Graph, Node, Value } from './trace.ts';

/** `temperature` divides the logits before the softmax. Throws if the graph has an operation that standard layers cannot express. */
export async function toLayers(graph: Graph, temperature: number): Promise<io.ModelArtifacts> {
  const model = layersModel(graph, temperature);
  try {
    let artifacts: io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (given) => {
        artifacts = given;
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
      }),
    );
    return artifacts!;
  } finally {
    model.dispose();
  }
}

type Layer = ReturnType<typeof tf.layers.dense>;

function layersModel(graph: Graph, temperature: number): LayersModel {
  const made = new Map<number, SymbolicTensor>();
  const weights: { layer: Layer; values: [Float32Array, number[]][] }[] = [];
  /** Applies a layer. Its weights are set after the model is built. */
  const put = (
    layer: unknown,
    x: SymbolicTensor | SymbolicTensor[],
    ...values: [Float32Array, number[]][]
  ): SymbolicTensor => {
    if (values.length) weights.push({ layer: layer as Layer, values });
    return (layer as Layer).apply(x as SymbolicTensor) as SymbolicTensor;
  };
  const sizeOf = (x: SymbolicTensor): number[] => x.shape.slice(1) as number[];
  const reshape = (x: SymbolicTensor, targetShape: number[]): SymbolicTensor =>
    put(tf.layers.reshape({ targetShape }), x);
  /** x · scale + shift, over the last axis. */
  const affine = (x: SymbolicTensor, scale: Float32Array, shift: Float32Array): SymbolicTensor => {
    const n = scale.length;
    return put(
      tf.layers.batchNormalization({ epsilon: 0 }),
      x,
      [scale, [n]],
      [shift, [n]],
      [new Float32Array(n), [n]],
      [new Float32Array(n).fill(1), [n]],
    );
  };
  const activated = (x: SymbolicTensor, activation: string): SymbolicTensor => {
    switch (activation) {
      case 'none':
        return x;
      case 'relu':
        return put(tf.layers.reLU(), x);
      case 'relu6':
        return put(tf.layers.reLU({ maxValue: 6 }), x);
      default:
        return put(tf.layers.activation({ activation: activation as 'sigmoid' }), x);
    }
  };
  /** Columns [from, to) of rows [T, D]. */
  const columns = (x: SymbolicTensor, from: number, to: number): SymbolicTensor => {
    const [places, width] = sizeOf(x);
    const cut = put(
      tf.layers.cropping2D({
        cropping: [
          [0, 0],
          [from, width - to],
        ],
      }),
      reshape(x, [places, width, 1]),
    );
    return reshape(cut, [places, to - from]);
  };
  const live = (value: Value): SymbolicTensor => {
    const x = made.get(value.id);
    if (!x) throw new Error('The network uses a value that was not traced.');
    return x;
  };
  /** Adds or multiplies a constant: over the last axis, or over the whole value after it is flattened. */
  const withConstant = (x: SymbolicTensor, op: string, { shape, constant }: Value): SymbolicTensor => {
    const size = sizeOf(x);
    const width = size.at(-1)!;
    const spread = constant!.length === 1 ? new Float32Array(width).fill(constant![0]) : constant!;
    const ones = (n: number): Float32Array => new Float32Array(n).fill(1);
    const apply = (row: SymbolicTensor): SymbolicTensor =>
      op === 'Add' ? affine(row, ones(spread.length), spread) : affine(row, spread, new Float32Array(spread.length));
    if (spread.length === width) return apply(x);
    if (spread.length !== size.reduce((a, b) => a * b, 1))
      throw new Error(`A constant of [${shape.join(', ')}] cannot be exported.`);
    return reshape(apply(reshape(x, [spread.length])), size);
  };
  const emit = ({ op, inputs, output, attributes }: Node): SymbolicTensor => {
    if (inputs[0].constant) return emit({ op, inputs: [inputs[1], inputs[0]], output, attributes }); // only sums and products can have the constant first
    const [x, w] = [live(inputs[0]), inputs[1]];
    const padding = attributes.pad === 'same' ? 'same' : 'valid';
    const strides = attributes.strides as number;
    switch (op) {
      case 'Conv2D':
        return put(
          tf.layers.conv2d({
            filters: w.shape[3],
            kernelSize: [w.shape[0], w.shape[1]],
            strides,
            padding,
            useBias: false,
          }),
          x,
          [w.constant!, w.shape],
        );
      case 'DepthwiseConv2dNative':
        return put(
          tf.layers.depthwiseConv2d({ kernelSize: [w.shape[0], w.shape[1]], strides, padding, useBias: false }),
          x,
          [w.constant!, w.shape],
        );
      case 'MaxPool':
        return put(tf.layers.maxPooling2d({ poolSize: attributes.filterSize as number, strides, padding }), x);
      case 'Add':
      case 'Multiply':
        return w.constant
          ? withConstant(x, op, w)
          : put(op === 'Add' ? tf.layers.add() : tf.layers.multiply(), [x, live(w)]);
      case 'Relu':
      case 'Relu6':
      case 'Sigmoid':
        return activated(x, op.toLowerCase());
      case 'Mean':
        return put(
          sizeOf(x).length === 3 ? tf.layers.globalAveragePooling2d({}) : tf.layers.globalAveragePooling1d(),
          x,
        );
      case 'Reshape':
        return reshape(x, output.shape);
      case 'PadV2': {
        const [, rows, across] = attributes.paddings as [number, number][];
        const size = sizeOf(x);
        // The layer pads with 0 instead of the lowest value. For max pooling this is equivalent, since it follows a ReLU.
        if (size.length === 3) return put(tf.layers.zeroPadding2d({ padding: [rows, across] }), x);
        return reshape(
          put(tf.layers.zeroPadding2d({ padding: [rows, across] }), reshape(x, [...size, 1])),
          output.shape,
        );
      }
      case 'Concat':
        return put(tf.layers.concatenate({ axis: -1 }), inputs.map(live));
      case 'Slice': {
        const [[, from, left], [, rows, width]] = [attributes.begin as number[], attributes.size as number[]];
        const [places] = sizeOf(x);
        const cut = put(
          tf.layers.cropping2D({
            cropping: [
              [from, places - from - rows],
              [0, 0],
            ],
          }),
          reshape(x, [...sizeOf(x), 1]),
        );
        return columns(reshape(cut, [rows, sizeOf(x)[1]]), left, left + width);
      }
      case 'BatchMatMul':
        return put(tf.layers.dense({ units: w.shape[1], useBias: false }), x, [w.constant!, w.shape]);
      case 'dense':
        return activated(
          put(
            tf.layers.dense({ units: w.shape[1] }),
            x,
            [w.constant!, w.shape],
            [inputs[2].constant!, inputs[2].shape],
          ),
          String(attributes.activation),
        );
      case 'layerNormalise':
        return put(
          tf.layers.layerNormalization({ epsilon: Number(attributes.epsilon) }),
          x,
          [w.constant!, w.shape],
          [inputs[2].constant!, inputs[2].shape],
        );
      case 'gelu':
        return put(tf.layers.activation({ activation: 'gelu' as 'relu' }), x);
      case 'attention': {
        const heads = Number(attributes.heads);
        const width = sizeOf(x)[1] / 3;
        const depth = width / heads;
        const outputs = Array.from({ length: heads }, (_, head) => {
          const [queries, keys, values] = [0, 1, 2].map((part) =>
            columns(x, part * width + head * depth, part * width + (head + 1) * depth),
          );
          const scaled = affine(queries, new Float32Array(depth).fill(1 / Math.sqrt(depth)), new Float32Array(depth));
          const attention = put(tf.layers.softmax({ axis: -1 }), put(tf.layers.dot({ axes: [2, 2] }), [scaled, keys]));
          return put(tf.layers.dot({ axes: [2, 1] }), [attention, values]);
        });
        return heads > 1 ? put(tf.layers.concatenate({ axis: -1 }), outputs) : outputs[0];
      }
      case 'filterBoth': {
        const [outputs, size] = w.shape;
        const window: [Float32Array, number[]] = [transposed(w.constant!, [outputs, size], [1, 0]), [size, outputs]];
        const along = (y: SymbolicTensor): SymbolicTensor =>
          put(tf.layers.dense({ units: outputs, useBias: false }), y, window);
        const rows = along(put(tf.layers.permute({ dims: [2, 3, 1] }), x)); // [W, C, H']
        const both = along(put(tf.layers.permute({ dims: [3, 2, 1] }), rows)); // [H', C, W']
        return put(tf.layers.permute({ dims: [1, 3, 2] }), both);
      }
      default:
        throw new Error(`There is no layer for ‘${op}’.`);
    }
  };
  const input = tf.input({ shape: graph.input.shape, name: 'pixels' });
  made.set(graph.input.id, input);
  for (const node of graph.nodes) made.set(node.output.id, emit(node));
  const logits = live(graph.output);
  const n = sizeOf(logits)[0];
  const probabilities = put(
    tf.layers.softmax({ axis: -1 }),
    affine(logits, new Float32Array(n).fill(1 / temperature), new Float32Array(n)),
  );
  const model = tf.model({ inputs: input, outputs: [logits, probabilities] });
  for (const { layer, values } of weights) {
    const tensors: Tensor[] = values.map(([data, shape]) => tf.tensor(data, shape));
    layer.setWeights(tensors);
    tf.dispose(tensors);
  }
  return model;
}
