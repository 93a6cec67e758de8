/** The operations of anomaly scores in ONNX: arithmetic, sums and maxima, and what our scorers trace as one node. */
import type { OnnxWriter } from './onnx-writer.ts';
import type { Node } from './trace.ts';

const binary: Readonly<Record<string, string>> = { Sub: 'Sub', RealDiv: 'Div', Maximum: 'Max', Minimum: 'Min' };
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
    case 'Sum':
    case 'Max': {
      const axes = [attributes.axis as number | number[]].flat();
      const own = rank === 3 ? axes.map((axis) => [0, 2, 3, 1][axis]) : axes;
      const keepdims = attributes.keepDims ? 1 : 0;
      if (op === 'Sum') writer.node('ReduceSum', [from, writer.whole(own)], to, { keepdims });
      else writer.node('ReduceMax', [from], to, { axes: own, keepdims });
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
    default:
      return false;
  }
}
