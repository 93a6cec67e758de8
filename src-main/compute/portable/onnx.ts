/**
 * Converts a traced network to an ONNX model (operator set 17). Input: images [n, S, S, 3], 0..255; outputs: logits and probabilities. ONNX's convolutions are
 * channels-first, so the input is transposed once, and all feature maps are channels-first.
 */
import { emitArithmetic } from './onnx-arithmetic.ts';
import { NotConvertible, OnnxWriter, transposed } from './onnx-writer.ts';
import type { Graph, Node, Recording } from './trace.ts';

export interface OnnxOptions {
  /** Divides the logits before the softmax. */
  temperature: number;
  metadata: Record<string, string>;
}

/** The bytes of a `.onnx` file of a classifier. Throws if the graph has an operation that cannot be converted. */
export function toOnnx(graph: Graph, { temperature, metadata }: OnnxOptions): Uint8Array {
  const writer = new OnnxWriter();
  emitNodes({ inputs: { pixels: graph.input }, nodes: graph.nodes }, writer);
  writer.node('Identity', [writer.named(graph.output)], 'logits');
  writer.node('Softmax', [writer.node('Div', ['logits', writer.scalar(temperature)])], 'probabilities', { axis: -1 });
  const { shape } = graph.output;
  return writer.encode('classifier', { pixels: graph.input.shape }, { logits: shape, probabilities: shape }, metadata);
}

/** Emits the traced nodes; the inputs of the model are images. */
export function emitNodes({ inputs, nodes }: Pick<Recording, 'inputs' | 'nodes'>, writer: OnnxWriter): void {
  for (const [name, value] of Object.entries(inputs))
    writer.node('Transpose', [name], writer.named(value), { perm: [0, 3, 1, 2] });
  for (const node of nodes) emit(node, writer);
}

/** Reorders a list per axis from the trace's [n, H, W, C] to [n, C, H, W]. */
const transposedAxes = (perShape: readonly number[][]): number[] =>
  [0, 3, 1, 2].flatMap((axis) => [perShape[axis]]).flat();

function emit({ op, inputs, output, attributes }: Node, writer: OnnxWriter): void {
  const [x, w] = inputs;
  const rank = output.shape.length;
  const to = writer.named(output);
  const from = x.constant ? writer.operand(x, rank) : writer.named(x);
  const strides = (): number[] => [attributes.strides as number | number[]].flat().slice(0, 2);
  const both = (size: number | readonly number[]): number[] =>
    typeof size === 'number' ? [size, size] : [...size, ...size].slice(0, 2);
  const finished = (name: string, activation: unknown): void => void activate(name, String(activation), to, writer);
  switch (op) {
    case 'Conv2D':
    case 'DepthwiseConv2dNative': {
      const [height, width, channels, outputs] = w.shape;
      const isDepthwise = op !== 'Conv2D';
      const [rows, columns] = isDepthwise ? [channels, 1] : [outputs, channels];
      const kernel = transposed(
        w.constant!,
        [height, width, channels, outputs],
        isDepthwise ? [2, 3, 0, 1] : [3, 2, 0, 1],
      );
      const stride = both(strides().length > 1 ? strides() : strides()[0]);
      writer.node('Conv', [from, writer.floats(kernel, [rows, columns, height, width])], to, {
        strides: stride,
        pads: padsOf(attributes.pad, x.shape, output.shape, [height, width], stride),
        group: isDepthwise ? channels : 1,
        kernel_shape: [height, width],
      });
      return;
    }
    case 'Conv2DBackpropInput': {
      const [height, width, outputs, channels] = w.shape;
      const stride = both(strides().length > 1 ? strides() : strides()[0]);
      const kernel = transposed(w.constant!, w.shape, [3, 2, 0, 1]);
      writer.node('ConvTranspose', [from, writer.floats(kernel, [channels, outputs, height, width])], to, {
        strides: stride,
        // It is the gradient of a convolution from the output's size to the input's.
        pads: padsOf(attributes.pad, output.shape, x.shape, [height, width], stride),
        kernel_shape: [height, width],
      });
      return;
    }
    case 'AvgPool':
    case 'MaxPool': {
      const [size, stride] = [
        both(attributes.filterSize as number | number[]),
        both(attributes.strides as number | number[]),
      ];
      writer.node(op === 'MaxPool' ? 'MaxPool' : 'AveragePool', [from], to, {
        kernel_shape: size,
        strides: stride,
        pads: padsOf(attributes.pad, x.shape, output.shape, size, stride),
      });
      return;
    }
    case 'Add':
    case 'Multiply': {
      const operand = w.constant ? writer.operand(w, rank) : writer.named(w);
      writer.node(op === 'Add' ? 'Add' : 'Mul', [from, operand], to);
      return;
    }
    case 'Relu':
    case 'Relu6':
    case 'Sigmoid':
      return finished(from, op.toLowerCase());
    case 'Mean': {
      const axes = [attributes.axis as number | number[]].flat();
      writer.node('ReduceMean', [from], to, {
        axes: x.shape.length === 3 ? axes.map((axis) => [0, 2, 3, 1][axis]) : axes,
        keepdims: attributes.keepDims ? 1 : 0,
      });
      return;
    }
    case 'ExpandDims':
    case 'Reshape': {
      const flat =
        x.shape.length === 3 && x.shape[0] * x.shape[1] > 1
          ? writer.node('Transpose', [from], undefined, { perm: [0, 2, 3, 1] })
          : from;
      const [height, width, channels] = output.shape;
      if (rank !== 3) writer.node('Reshape', [flat, writer.whole([-1, ...output.shape])], to);
      else if (height * width === 1) writer.node('Reshape', [flat, writer.whole([-1, channels, 1, 1])], to);
      else
        writer.node('Transpose', [writer.node('Reshape', [flat, writer.whole([-1, height, width, channels])])], to, {
          perm: [0, 3, 1, 2],
        });
      return;
    }
    case 'PadV2': {
      const paddings = attributes.paddings as number[][];
      const ordered = [0, 1].flatMap((side) =>
        rank === 3 ? transposedAxes(paddings.map((pair) => [pair[side]])) : paddings.map((pair) => pair[side]),
      );
      writer.node('Pad', [from, writer.whole(ordered), writer.scalar(Number(attributes.constantValue))], to);
      return;
    }
    case 'Concat':
      writer.node('Concat', inputs.map(writer.named), to, {
        axis: rank === 3 ? [0, 2, 3, 1][Number(attributes.axis)] : Number(attributes.axis),
      });
      return;
    case 'Slice': {
      const [begin, size] = [attributes.begin as number[], attributes.size as number[]];
      const axes = size.map((_, axis) => axis).slice(1);
      writer.node(
        'Slice',
        [
          from,
          writer.whole(axes.map((axis) => begin[axis])),
          writer.whole(axes.map((axis) => begin[axis] + size[axis])),
          writer.whole(axes),
        ],
        to,
      );
      return;
    }
    case 'BatchMatMul': {
      const [rows, columns] = w.shape;
      const isFlipped = attributes.transposeB === true;
      const values = isFlipped ? transposed(w.constant!, w.shape, [1, 0]) : w.constant!;
      writer.node('MatMul', [from, writer.floats(values, isFlipped ? [columns, rows] : [rows, columns])], to);
      return;
    }
    case 'dense': {
      const sum = writer.node('Add', [
        writer.node('MatMul', [from, writer.floats(w.constant!, w.shape)]),
        writer.floats(inputs[2].constant!, inputs[2].shape),
      ]);
      return finished(sum, attributes.activation);
    }
    case 'layerNormalise':
      writer.node(
        'LayerNormalization',
        [from, writer.floats(w.constant!, w.shape), writer.floats(inputs[2].constant!, inputs[2].shape)],
        to,
        { axis: -1, epsilon: Number(attributes.epsilon) },
      );
      return;
    case 'gelu': {
      const erf = writer.node('Erf', [writer.node('Mul', [from, writer.scalar(Math.SQRT1_2)])]);
      writer.node(
        'Mul',
        [from, writer.node('Mul', [writer.node('Add', [erf, writer.scalar(1)]), writer.scalar(0.5)])],
        to,
      );
      return;
    }
    case 'attention': {
      const [places, all] = x.shape;
      const heads = Number(attributes.heads);
      const depth = all / 3 / heads;
      const rows = writer.node(
        'Transpose',
        [writer.node('Reshape', [from, writer.whole([-1, places, 3 * heads, depth])])],
        undefined,
        { perm: [0, 2, 1, 3] },
      );
      const [queries, keys, values] = writer.parts('Split', [rows, writer.whole([heads, heads, heads])], 3, {
        axis: 1,
      });
      const agreement = writer.node('MatMul', [
        queries,
        writer.node('Transpose', [keys], undefined, { perm: [0, 1, 3, 2] }),
      ]);
      const weights = writer.node(
        'Softmax',
        [writer.node('Mul', [agreement, writer.scalar(1 / Math.sqrt(depth))])],
        undefined,
        { axis: -1 },
      );
      writer.node(
        'Reshape',
        [
          writer.node('Transpose', [writer.node('MatMul', [weights, values])], undefined, { perm: [0, 2, 1, 3] }),
          writer.whole([-1, places, all / 3]),
        ],
        to,
      );
      return;
    }
    case 'filterBoth': {
      const { shape, constant } = inputs.at(-1)!; // one window for both axes, or one for each
      const rows = writer.node('MatMul', [writer.floats(w.constant!, w.shape), from]); // channels-first: rows are the second last axis
      writer.node('MatMul', [rows, writer.floats(transposed(constant!, shape, [1, 0]), shape.toReversed())], to);
      return;
    }
    default:
      if (!emitArithmetic({ op, inputs, output, attributes }, from, to, writer))
        throw new NotConvertible(`There is no ONNX for ‘${op}’.`);
  }
}

function activate(from: string, activation: string, to: string, writer: OnnxWriter): string {
  switch (activation) {
    case 'relu':
      return writer.node('Relu', [from], to);
    case 'relu6':
      return writer.node('Clip', [from, writer.scalar(0), writer.scalar(6)], to);
    case 'sigmoid':
      return writer.node('Sigmoid', [from], to);
    case 'none':
      return writer.node('Identity', [from], to);
    default:
      throw new NotConvertible(`There is no ONNX for ‘${activation}’.`);
  }
}

/** Padding at top, left, bottom, right. TensorFlow's 'same' puts the larger half at the end. */
function padsOf(
  pad: unknown,
  inputs: readonly number[],
  outputs: readonly number[],
  size: readonly number[],
  strides: readonly number[],
): number[] {
  if (pad !== 'same') return [0, 0, 0, 0];
  const missing = [0, 1].map((axis) => Math.max(0, (outputs[axis] - 1) * strides[axis] + size[axis] - inputs[axis]));
  const before = missing.map((all) => Math.floor(all / 2));
  return [...before, ...missing.map((all, axis) => all - before[axis])];
}
