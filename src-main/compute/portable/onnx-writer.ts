/** Collects the nodes and constants of an ONNX graph, and encodes the model (operator set 17). Feature maps are channels-first, as ONNX's convolutions. */
import { sizeOf } from '../models/scope.ts';
import { attributeTypes, encodeModel, floatType, int64Type } from './onnx-schema.ts';
import type { Value } from './trace.ts';

const opset = 17;
const irVersion = 8;

type Attributes = Record<string, number | number[] | string>;

/** A network has an operation that cannot be exported. */
export class NotConvertible extends Error {}

/** Values that depend on the image have the batch as their first axis, which the shapes here leave out. */
export class OnnxWriter {
  readonly nodes: object[] = [];
  readonly constants: object[] = [];
  #last = 0;

  named = ({ id }: Value): string => `v${id}`;

  #fresh = (): string => `t${++this.#last}`;

  /** Adds a node and returns the name of its output. Numbers are integers, except `epsilon`. */
  node(opType: string, input: string[], output = this.#fresh(), attributes: Attributes = {}): string {
    const attribute = Object.entries(attributes).map(([name, value]) =>
      Array.isArray(value)
        ? { name, ints: value, type: attributeTypes.ints }
        : typeof value === 'string'
          ? { name, s: Buffer.from(value), type: attributeTypes.string }
          : name === 'epsilon'
            ? { name, f: value, type: attributeTypes.float }
            : { name, i: value, type: attributeTypes.int },
    );
    this.nodes.push({ opType, input, output: [output], name: output, attribute });
    return output;
  }

  /** Adds a node with several outputs and returns their names. */
  parts(opType: string, input: string[], count: number, attributes: Attributes): string[] {
    const output = Array.from({ length: count }, this.#fresh);
    this.nodes.push({
      opType,
      input,
      output,
      name: output[0],
      attribute: Object.entries(attributes).map(([name, i]) => ({ name, i, type: attributeTypes.int })),
    });
    return output;
  }

  /** Adds a constant of floats and returns its name. */
  floats(values: Float32Array, dims: readonly number[]): string {
    const name = this.#fresh();
    this.constants.push({
      name,
      dims,
      dataType: floatType,
      rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    });
    return name;
  }

  scalar = (value: number): string => this.floats(Float32Array.of(value), []);

  /** Adds a constant of integers and returns its name. */
  whole(values: readonly number[]): string {
    const name = this.#fresh();
    this.constants.push({
      name,
      dims: [values.length],
      dataType: int64Type,
      rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    });
    return name;
  }

  /** A constant that is combined with a value of this rank (without the batch axis). */
  operand({ shape, constant }: Value, rank: number): string {
    if (rank === 3 && shape.length === 1) return this.floats(constant!, [shape[0], 1, 1]);
    const own = shape.length > rank ? shape.slice(shape.length - rank) : shape;
    if (sizeOf(own) !== constant!.length)
      throw new NotConvertible(`A constant of [${shape.join(', ')}] cannot be exported.`);
    if (rank === 3 && own.length > 1) {
      const [height, width, channels] = own.length === 3 ? own : [...own, 1];
      const isMap = own.length === 3;
      if (!isMap) throw new NotConvertible('A constant of rows cannot be exported for a map.');
      return this.floats(transposed(constant!, [height, width, channels], [2, 0, 1]), [channels, height, width]);
    }
    return this.floats(constant!, own);
  }

  /** A traced value as an output of the model, with a name: feature maps channels-last again. */
  output(value: Value, name: string): void {
    if (value.shape.length === 3) this.node('Transpose', [this.named(value)], name, { perm: [0, 2, 3, 1] });
    else this.node('Identity', [this.named(value)], name);
  }

  /** The bytes of a `.onnx` file. Inputs and outputs by name, with their shapes without the batch axis. */
  encode(
    name: string,
    inputs: Readonly<Record<string, readonly number[]>>,
    outputs: Readonly<Record<string, readonly number[]>>,
    metadata: Readonly<Record<string, string>>,
  ): Uint8Array {
    const infos = (values: Readonly<Record<string, readonly number[]>>): object[] =>
      Object.entries(values).map(([valueName, shape]) => ({
        name: valueName,
        type: {
          tensorType: {
            elemType: floatType,
            shape: { dim: [{ dimParam: 'images' }, ...shape.map((size) => ({ dimValue: size }))] },
          },
        },
      }));
    return encodeModel({
      irVersion,
      producerName: 'Winnow',
      opsetImport: [{ domain: '', version: opset }],
      metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name,
        node: this.nodes,
        initializer: this.constants,
        input: infos(inputs),
        output: infos(outputs),
      },
    });
  }
}

/** Transposes a row-major array: axis i of the result is axis `order[i]` of `values`. */
export function transposed(values: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const out = new Float32Array(values.length);
  const at = shape.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let from = 0;
    order.forEach((axis, place) => (from += at[place] * strides[axis]));
    out[i] = values[from];
    for (let place = order.length - 1; place >= 0; place--) {
      if (++at[place] < shape[order[place]]) break;
      at[place] = 0;
    }
  }
  return out;
}
