/**
 * Imports pretrained weights from a safetensors file with the names of torchvision or timm. The outputs are then those of PyTorch: kernels are transposed from
 * PyTorch's order (outputs, channels, height, width) to TensorFlow's (height, width, channels, outputs), and running statistics become moving ones. If any
 * tensor does not match, nothing is loaded.
 */
import path from 'node:path';
import type { Classifier, Convention, ModelRecord } from './model.ts';
import type { Network } from './network.ts';
import { openSafetensors, type Safetensors } from '../safetensors.ts';
import { sizeOf, type Piece } from './scope.ts';

export interface Loaded {
  /** The number of tensors of the network that were loaded. */
  loaded: number;
  /** Names of the other tensors in the file. */
  skipped: string[];
  /** The library whose names the file uses. */
  convention: string;
}

/** A weight or statistic of the network, and the tensor in the file that it is loaded from. */
interface Match {
  piece: Piece;
  target: 'weights' | 'statistics';
  /** Its index in the flat array of `target`. */
  at: number;
  /** In the file. */
  name: string;
  /** In the order of PyTorch. */
  shape: number[];
  /** For a moving mean: the bias of the convolution before it, which the file may have and our network does not. It is subtracted from the mean. */
  bias?: string;
}

const leaves: Record<string, string> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

/**
 * Loads a file into a network. `params`: the model's parameters. With `head: 'fresh'` the last layer keeps its random weights, since its classes differ. Throws
 * an Error that lists the tensors that are missing, superfluous or of another shape; then the network is unchanged.
 */
export async function loadForeign(
  network: Network<Classifier>,
  record: ModelRecord,
  params: Record<string, unknown>,
  file: string,
  { head = 'load' as 'load' | 'fresh' } = {},
): Promise<Loaded> {
  const conventions = record.foreign?.(params);
  if (!conventions) throw new Error(`${record.title} cannot import weights: no other library has this network.`);
  const source = openSafetensors(file);
  try {
    const tried = conventions.map((convention) => ({ convention, ...match(network, convention, source) }));
    const { convention, matches } = tried.reduce((best, other) =>
      known(source, other.matches) > known(source, best.matches) ? other : best,
    );
    const isHead = (name: string): boolean => head === 'fresh' && name.startsWith(convention.prefix('head'));
    const wanted = matches.filter(({ name }) => !isHead(name));
    const used = new Set(wanted.flatMap(({ name, bias }) => (bias ? [name, bias] : [name])));
    const skipped = [...source.tensors.keys()].filter((name) => !used.has(name));
    const wrong = mismatchMessage(
      source,
      wanted,
      skipped.filter((name) => !isHead(name) && !name.endsWith('.num_batches_tracked')),
    );
    if (wrong)
      throw new Error(
        `The weights in ${path.basename(file)} are not of this ${record.title}, as ${convention.id} names them. ${wrong}${otherParameters(record, params, source)}`,
      );
    const values = await network.read();
    for (const { piece, target, at, name, bias } of wanted) {
      const into = values[target].subarray(at, at + sizeOf(piece.shape));
      transpose(source.read(name), into, piece.shape, sideOf(piece, convention));
      if (bias) source.read(bias).forEach((value, i) => (into[i] -= value));
    }
    network.write(values);
    return { loaded: wanted.length, skipped, convention: convention.id };
  } finally {
    source.close();
  }
}

const known = (source: Safetensors, matches: Match[]): number =>
  matches.filter(({ name }) => source.tensors.has(name)).length;

function match(network: Network<Classifier>, convention: Convention, { tensors }: Safetensors): { matches: Match[] } {
  const depthwise = new Set(
    network.layers.filter(({ kind }) => kind === 'depthwise convolution').map(({ name }) => `${name}/kernel`),
  );
  const matches: Match[] = [];
  for (const [target, pieces] of [
    ['weights', network.pieces],
    ['statistics', network.moving],
  ] as const) {
    let at = 0;
    for (const piece of pieces) {
      const cut = piece.name.lastIndexOf('/');
      const [layer, leaf] = [piece.name.slice(0, cut), piece.name.slice(cut + 1)];
      const name = cut < 0 ? convention.prefix(piece.name) : convention.prefix(layer) + leaves[leaf];
      const bias = leaf === 'mean' ? `${convention.prefix(layer.replace(/\/norm$/, ''))}bias` : '';
      const isBias = tensors.get(bias)?.shape.join() === piece.shape.join(); // with another shape it is reported as superfluous
      matches.push({
        piece,
        target,
        at,
        name,
        shape: foreignShape(piece, leaf, depthwise.has(piece.name), tensors.get(name)?.shape),
        ...(isBias && { bias }),
      });
      at += sizeOf(piece.shape);
    }
  }
  return { matches };
}

/** The shape that a weight has in PyTorch. The file may store a dense layer as a 1×1 convolution. */
function foreignShape({ shape }: Piece, leaf: string, isDepthwise: boolean, theirs?: number[]): number[] {
  if (leaf !== 'kernel') return shape;
  if (shape.length === 2) return theirs?.length === 4 ? [shape[1], shape[0], 1, 1] : [shape[1], shape[0]];
  const [height, width, inputs, outputs] = shape;
  return isDepthwise ? [inputs, 1, height, width] : [outputs, inputs, height, width];
}

/** For a dense layer after a flattened feature map: the side of the map. 1 for all other layers. */
const sideOf = ({ name }: Piece, { flattened }: Convention): number => flattened?.[name.replace(/\/kernel$/, '')] ?? 1;

/** Transposes a kernel from [outputs, channels, places] to [places, channels, outputs]. All other weights are copied. */
function transpose(theirs: ArrayLike<number>, ours: Float32Array, shape: number[], side: number): void {
  if (shape.length !== 2 && shape.length !== 4) return ours.set(theirs);
  const places = shape.length === 4 ? shape[0] * shape[1] : side * side;
  const outputs = shape.at(-1)!; // of a depthwise kernel 1
  const channels = ours.length / places / outputs;
  for (let place = 0; place < places; place++) {
    for (let channel = 0; channel < channels; channel++) {
      const to = (place * channels + channel) * outputs;
      for (let output = 0; output < outputs; output++)
        ours[to + output] = theirs[(output * channels + channel) * places + place];
    }
  }
}

/** A message with the parameters that fit the weights; empty if the file does not show them. */
function otherParameters(record: ModelRecord, params: Record<string, unknown>, { tensors }: Safetensors): string {
  const now = record.schema.parse(params);
  const others = Object.entries(record.foreignParameters?.(tensors) ?? {}).filter(
    ([name, value]) => now[name] !== value,
  );
  return others.length
    ? ` They were made with ${others.map(([name, value]) => `${name} ${String(value)}`).join(', ')}: set ${others.length === 1 ? 'it' : 'these'} and try again.`
    : '';
}

/** An error message, or nothing if all fits. */
function mismatchMessage({ tensors }: Safetensors, wanted: Match[], superfluous: string[]): string {
  const written = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
  const missing = wanted.filter(({ name }) => !tensors.has(name)).map(({ name, shape }) => `${name} ${written(shape)}`);
  const other = wanted
    .filter(({ name, shape }) => tensors.has(name) && written(tensors.get(name)!.shape) !== written(shape))
    .map(({ name, shape }) => `${name} is ${written(tensors.get(name)!.shape)} and would have to be ${written(shape)}`);
  const extra = superfluous.map((name) => `${name} ${written(tensors.get(name)!.shape)}`);
  return (
    [
      ['Missing', missing],
      ['Of another shape', other],
      ['Superfluous', extra],
    ] as const
  )
    .filter(([, list]) => list.length)
    .map(
      ([what, list]) =>
        `${what}: ${list.slice(0, 5).join('; ')}${list.length > 5 ? `; and ${list.length - 5} more` : ''}.`,
    )
    .join(' ');
}
