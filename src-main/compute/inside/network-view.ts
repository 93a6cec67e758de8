/** Describes the layers of a network: shapes, parameters, operations, receptive fields, and which layer reads which. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { NetworkLayer, NetworkView, ReceptiveField } from '../../contract/inside.ts';
import { largestOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import type { Layer } from '../models/scope.ts';
import { sizeOf } from '../models/scope.ts';
import { recording } from '../ops/traced.ts';
import { snapshotEpochs } from './snapshots.ts';
import type { OpenSubject, SubjectRef } from './subject.ts';

/** The name of the image among the layers. */
export const inputName = 'input';

interface Flow {
  layer: Layer;
  from: string[];
}

interface Engine {
  runKernel(name: string, inputs: Record<string, Tensor | Tensor[]>, attributes?: object): Tensor | Tensor[];
}

/** The layers in the order of computation, and the layers that each reads. The network is run once, and each tensor is followed from layer to layer. */
export function flowOf({ network, part, inputSides: [height, width] }: OpenSubject): Flow[] {
  const flow: Flow[] = [];
  tf.tidy(() => {
    const x: Tensor4D = tf.zeros([1, height, width, 3]);
    const origins = new Map<number, ReadonlySet<string>>([[x.id, new Set([inputName])]]);
    /** What the running layer reads. */
    let reads: Set<string> | null = null;
    const engine = tf.engine() as unknown as Engine;
    const { runKernel } = engine;
    engine.runKernel = (name, inputs, attributes) => {
      const of = new Set<string>();
      for (const tensor of Object.values(inputs).flat())
        for (const origin of (tensor && origins.get(tensor.id)) || []) of.add(origin);
      if (reads) for (const origin of of) reads.add(origin);
      const result = runKernel.call(engine, name, inputs, attributes);
      if (of.size) for (const tensor of [result].flat()) origins.set(tensor.id, of);
      return result;
    };
    try {
      recording(
        (_op, _inputs, _attributes, run) => run(),
        () => {
          network.probe(
            x,
            (layer, run) => {
              const own = (reads = new Set<string>());
              const output = run();
              reads = null;
              flow.push({ layer, from: [...own] });
              // A new tensor, since the output may be a tensor that another layer has made.
              const named = tf.clone(output);
              origins.set(named.id, new Set([layer.name]));
              return named;
            },
            part,
          );
          return tf.scalar(0);
        },
      );
    } finally {
      engine.runKernel = runKernel;
    }
  });
  return flow;
}

/** The description of a subject's network. `parameters` of a layer include its normalisation. */
export function viewOf(id: string, subject: OpenSubject, ref: SubjectRef): NetworkView {
  const { network, inputSides } = subject;
  const own = parametersByLayer(network.layers);
  const shapes = new Map(network.pieces.map(({ name, shape }) => [name, shape]));
  const fields = new Map<string, ReceptiveField | null>([[inputName, { sizePx: 1, stridePx: 1 }]]);
  const layers = flowOf(subject).map(({ layer, from }): NetworkLayer => {
    const receptiveField = fieldOf(
      layer,
      from.map((name) => fields.get(name) ?? null),
    );
    fields.set(layer.name, receptiveField);
    return {
      name: layer.name,
      kind: layer.kind,
      output: layer.output,
      parameters: own.get(layer.name) ?? 0,
      flops: 2 * layer.macs,
      activationBytes: 4 * sizeOf(layer.output),
      receptiveField,
      from,
      kernel: shapes.get(`${layer.name}/kernel`) ?? null,
    };
  });
  const sum = (of: (layer: NetworkLayer) => number): number => layers.reduce((total, layer) => total + of(layer), 0);
  return {
    id,
    input: [...inputSides, 3],
    layers,
    parameters: network.parameters,
    flops: sum(({ flops }) => flops),
    activationBytes: sum(({ activationBytes }) => activationBytes),
    code: subject.code,
    snapshots: ref.kind === 'weights' ? [] : snapshotEpochs(ref.runFolder),
  };
}

/** Declared parameters by the name of the layer; those of `<name>/norm` count to the layer `<name>`. */
function parametersByLayer(declared: readonly { name: string; parameters: number }[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { name, parameters } of declared) {
    const owner = name.replace(/\/norm$/, '');
    sums.set(owner, (sums.get(owner) ?? 0) + parameters);
  }
  return sums;
}

const placeless = new Set(['dense', 'average pooling', 'attention']);

/** The receptive field of a layer by those of the layers that it reads (Araujo et al. 2019). Null: the whole image. */
function fieldOf({ kind, window, output }: Layer, read: readonly (ReceptiveField | null)[]): ReceptiveField | null {
  const known = read.filter((field) => field !== null);
  if (!known.length || (placeless.has(kind) && (output.length === 1 || kind === 'attention'))) return null;
  // Factors of squeeze-and-excitation depend on the whole image, but are the same at all places.
  if (known.length < read.length && kind !== 'scaling') return null;
  const sizePx = largestOf(known.map((field) => field.sizePx));
  const stridePx = largestOf(known.map((field) => field.stridePx));
  if (!window) return { sizePx, stridePx };
  const steps = window.stride < 1 ? Math.ceil(window.size * window.stride) : window.size;
  return { sizePx: sizePx + (steps - 1) * stridePx, stridePx: stridePx * window.stride };
}
