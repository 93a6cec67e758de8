/** The operations of anomaly scores in ONNX: arithmetic, sums and maxima, and what our scorers trace as one node. */
import { transposed, type OnnxWriter } from './onnx-writer.ts';
import type { Node } from './trace.ts';

const binary: Readonly<Record<string, string>> = {
  ...{ Sub: 'Sub', RealDiv: 'Div', Maximum: 'Max', Minimum: 'Min', Pow: 'Pow' },
};
const unary: Readonly<Record<string, string>> = { Sqrt: 'Sqrt', Abs: 'Abs', Exp: 'Exp', Log: 'Log', Neg: 'Neg' };

/** `from`: the first input; `to`: the name of the output. Returns false for another operation. */
export function emitArithmetic(
  { op, inputs, output, attributes }: Node,
  from: string,
  to: string,
  writer: OnnxWriter,
): boolean {
  const [x, w] = inputs;
  const rank = x.shape.length;
  if (binary[op]) {
    const second = w.constant ? writer.operand(w, Math.max(rank, output.shape.length)) : writer.named(w);
    writer.node(binary[op], [from, second], to);
    return true;
  }
  if (unary[op]) {
    writer.node(unary[op], [from], to);
    return true;
  }
  switch (op) {
    case 'Square':
      writer.node('Mul', [from, from], to);
      return true;
    case 'AddN':
      writer.node('Sum', inputs.map(writer.named), to);
      return true;
    case 'MirrorPad': {
      const paddings = attributes.paddings as [before: number, after: number][];
      // Mirroring one row with the border is repeating it; more rows have no ONNX.
      if (attributes.mode !== 'symmetric' || paddings.flat().some((count) => count > 1)) return false;
      const ordered = [0, 3, 1, 2].map((axis) => paddings[axis]);
      const pads = writer.whole([0, 1].flatMap((side) => ordered.map((pair) => pair[side])));
      writer.node('Pad', [from, pads], to, { mode: 'edge' });
      return true;
    }
    case 'SquaredDifference': {
      const difference = writer.node('Sub', [from, w.constant ? writer.operand(w, rank) : writer.named(w)]);
      writer.node('Mul', [difference, difference], to);
      return true;
    }
    case 'GatherV2':
      writer.node('Gather', [from, writer.whole(Array.from(w.constant!))], to, { axis: Number(attributes.axis) });
      return true;
    case 'Sum':
    case 'Min':
    case 'Max': {
      const axes = [(attributes.axis ?? attributes.reductionIndices) as number | number[]].flat();
      const own = rank === 3 ? axes.map((axis) => [0, 2, 3, 1][axis]) : axes;
      const keepdims = attributes.keepDims ? 1 : 0;
      if (op === 'Sum') writer.node('ReduceSum', [from, writer.whole(own)], to, { keepdims });
      else writer.node(`Reduce${op}`, [from], to, { axes: own, keepdims });
      return true;
    }
    case 'meanOfLeast': {
      const [least] = writer.parts('TopK', [from, writer.whole([Number(attributes.count)])], 2, {
        axis: -1,
        largest: 0,
      });
      writer.node('ReduceMean', [least], to, { axes: [-1], keepdims: 0 });
      return true;
    }
    case 'multiplyByPlace': {
      const [places, outputs, size] = w.shape;
      const matrices = writer.floats(transposed(w.constant!, w.shape, [0, 2, 1]), [places, size, outputs]);
      const rows = writer.node('Unsqueeze', [from, writer.whole([2])]); // [n, places, 1, size]
      writer.node('Squeeze', [writer.node('MatMul', [rows, matrices]), writer.whole([2])], to);
      return true;
    }
    case 'ResizeBilinear':
    case 'ResizeNearestNeighbor': {
      const [rows, columns, channels] = output.shape;
      if (!attributes.halfPixelCenters && op === 'ResizeBilinear') return false;
      const sizes = writer.node(
        'Concat',
        [
          writer.node('Slice', [writer.node('Shape', [from]), writer.whole([0]), writer.whole([1])]),
          writer.whole([channels, rows, columns]),
        ],
        undefined,
        { axis: 0 },
      );
      writer.node('Resize', [from, '', '', sizes], to, {
        mode: op === 'ResizeBilinear' ? 'linear' : 'nearest',
        coordinate_transformation_mode: attributes.halfPixelCenters ? 'half_pixel' : 'asymmetric',
        ...(op === 'ResizeNearestNeighbor' && { nearest_mode: 'floor' }),
      });
      return true;
    }
    default:
      return false;
  }
}
