/**
 * Records a network as a graph for export: the network is run once on one image, and each kernel that tfjs runs is recorded with its inputs. Values that depend
 * only on weights become constants. Values that depend on the image have the batch as the first axis.
 */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Classifier } from '../models/index.ts';
import type { Network } from '../models/network.ts';
import { recording, type Attributes } from '../ops/traced.ts';
import { valuesOf } from '../read-back.ts';

/** Placeholder of a constant until its tensor has been read. */
const nothing = new Float32Array(0);

export interface Value {
  id: number;
  /** Without the batch axis, unless it is constant. */
  shape: number[];
  constant?: Float32Array;
}

export interface Node {
  op: string;
  inputs: Value[];
  output: Value;
  attributes: Attributes;
}

export interface Graph {
  input: Value; // [S, S, 3], normalised
  output: Value; // [classes]
  nodes: Node[];
}

/** A traced function with named inputs and outputs. */
export interface Recording {
  inputs: Record<string, Value>;
  outputs: Record<string, Value>;
  nodes: Node[];
}

interface Engine {
  runKernel(name: string, inputs: Record<string, Tensor | Tensor[]>, attributes?: Attributes): Tensor | Tensor[];
}

/** The graph with the normalisation in front: its input is pixels from 0 to 255. */
export function withPixels(
  graph: Graph,
  { mean, deviation }: { mean: readonly number[]; deviation: readonly number[] },
): Graph {
  const constant = (id: number, values: number[]): Value => ({
    id,
    shape: [values.length],
    constant: Float32Array.from(values),
  });
  const [pixels, scaled]: Value[] = [-1, -2].map((id) => ({ id, shape: graph.input.shape }));
  return {
    input: pixels,
    output: graph.output,
    nodes: [
      {
        op: 'Multiply',
        inputs: [
          pixels,
          constant(
            -3,
            deviation.map((d) => 1 / (255 * d)),
          ),
        ],
        output: scaled,
        attributes: {},
      },
      {
        op: 'Add',
        inputs: [
          scaled,
          constant(
            -4,
            mean.map((m, c) => -m / deviation[c]),
          ),
        ],
        output: graph.input,
        attributes: {},
      },
      ...graph.nodes,
    ],
  };
}

/** Records the network's inference for images of this side. Throws if one of its operations has several results. */
export async function trace(network: Network<Classifier>, sidePx: number): Promise<Graph> {
  const { inputs, outputs, nodes } = await record({ pixels: [sidePx, sidePx] }, ({ pixels }) => ({
    logits: network.infer(pixels),
  }));
  return { input: inputs.pixels, output: outputs.logits, nodes };
}

/** Records a function of one image in one or several sizes, each [1, height, width, 3]. Throws if one of its operations has several results. */
export async function record<Name extends string>(
  sizes: Record<Name, readonly [height: number, width: number]>,
  run: (images: Record<Name, Tensor4D>) => Record<string, Tensor>,
): Promise<Recording> {
  const constants: { value: Value; tensor: Tensor }[] = [];
  let graph: Recording | undefined; // not returned from `tidy`, which would search it for tensors
  tf.tidy(() => {
    const entries = Object.entries<readonly [number, number]>(sizes);
    const images = Object.fromEntries(
      entries.map(([name, [height, width]]) => [name, tf.zeros([1, height, width, 3])]),
    ) as Record<Name, Tensor4D>;
    run(images); // freezes networks, so that folded kernels are constants in the trace
    const values = new Map<number, Value>();
    const nodes: Node[] = [];
    const live = (tensor: Tensor): Value => {
      const value: Value = { id: tensor.id, shape: tensor.shape.slice(1) };
      values.set(tensor.id, value);
      return value;
    };
    const isLive = (tensor: Tensor): boolean => values.has(tensor.id) && !values.get(tensor.id)!.constant;
    const valueOf = (tensor: Tensor): Value => {
      let value = values.get(tensor.id);
      if (!value) {
        value = { id: tensor.id, shape: tensor.shape.slice(), constant: nothing };
        values.set(tensor.id, value);
        constants.push({ value, tensor: tf.keep(tf.clone(tensor)) });
      }
      return value;
    };
    /** Above 0 inside an operation that is recorded as one node: its inner kernels are not recorded. */
    let depth = 0;
    const noted = <T extends Tensor | Tensor[]>(
      op: string,
      inputs: Tensor[],
      attributes: Attributes,
      run: () => T,
    ): T => {
      depth++;
      let result: T;
      try {
        result = run();
      } finally {
        depth--;
      }
      if (depth || !inputs.some(isLive)) return result;
      if (Array.isArray(result)) throw new Error(`An operation with several results (${op}) cannot be exported.`);
      const isSame = op === 'Identity' || (op === 'Cast' && inputs[0].dtype === result.dtype);
      if (isSame) values.set(result.id, valueOf(inputs[0]));
      else nodes.push({ op, inputs: inputs.map(valueOf), output: live(result), attributes });
      return result;
    };
    const inputs = Object.fromEntries(Object.entries<Tensor>(images).map(([name, x]) => [name, live(x)]));
    const engine = tf.engine() as unknown as Engine;
    const { runKernel } = engine;
    engine.runKernel = (name, inputs, attributes = {}) =>
      noted(name, Object.values(inputs).flat().filter(Boolean), attributes, () =>
        runKernel.call(engine, name, inputs, attributes),
      );
    try {
      const results = recording(noted, () => run(images));
      const outputs = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, valueOf(tensor)]));
      graph = { inputs, outputs, nodes };
    } finally {
      engine.runKernel = runKernel;
    }
  });
  for (const { value, tensor } of constants) value.constant = await valuesOf(tensor);
  tf.dispose(constants.map(({ tensor }) => tensor));
  return graph!;
}
