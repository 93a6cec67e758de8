/**
 * A network is a function of its input and a scope. The scope hands out weights by name: the first run declares them (declare.ts), later
 * runs read them back. All weights are one flat variable, so that the optimizer, a checkpoint and a copy of the
 * best weights each are one operation on one vector, and names are only for reading. What batch normalisation remembers (moving means
 * and variances) lies in a second vector that no gradient reaches. For inference the network is frozen (freeze.ts); training thaws it.
 */
import type { Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { dropout, dropPath } from '../ops/dropout.ts';
import { normalise } from '../ops/norm.ts';
import { valuesOf } from '../read-back.ts';
import type { Tensors } from '../tensor-file.ts';
import { declare, type Declaration } from './declare.ts';
import { folding, freeze, named, type Frozen } from './freeze.ts';
import { startValues, type Initialisation } from './initialise.ts';
import { sizeOf, type Piece, type Scope } from './scope.ts';

export interface Architecture {
  forward(x: Tensor4D, scope: Scope): Tensor; // [B, …]
  /** In the square root of batch normalisations; 1e-3 where it is not said. */
  epsilon?: number;
}

/** In two halves, so that the code can be had without drawing the image again. Weights are declared in this order. */
export interface Autoencoder extends Architecture {
  forward(x: Tensor4D, scope: Scope): Tensor4D; // [B, S, S, 3]
  encode(x: Tensor4D, scope: Scope): Tensor; // [B, …]
  decode(code: Tensor, scope: Scope): Tensor4D; // [B, S, S, 3]
}

export function autoencoder(encode: Autoencoder['encode'], decode: Autoencoder['decode']): Autoencoder {
  return { encode, decode, forward: (x, scope) => decode(encode(x, scope), scope) };
}

export interface TrainingPass<Y extends Tensor> {
  y: Y;
  remember(): void;
  forget(): void;
}

/** All that training changes. */
export interface NetworkValues {
  weights: Float32Array;
  statistics: Float32Array;
}

/** The moving average takes this much of its past: short, since a small set has few steps. */
const momentum = 0.9;

export class Network<A extends Architecture = Architecture> {
  readonly architecture: A;
  readonly weights: Variable;
  readonly statistics: Variable;
  /** What lies in the weights, and in the statistics, one after the other. */
  readonly pieces: Piece[];
  readonly moving: Piece[];
  readonly layers: Declaration['layers'];
  readonly #norms: 'batch' | 'frozen';
  #epsilon: number;
  #frozen: Frozen | undefined;

  /** `norms`: whether training normalises by each batch, or by the moving statistics as they are, which then stay. */
  constructor(
    architecture: A,
    inputShape: [number, number, number],
    seed: number,
    { initialisation = 'default' as Initialisation, norms = 'batch' as 'batch' | 'frozen' } = {},
  ) {
    this.#norms = norms;
    this.architecture = architecture;
    this.#epsilon = architecture.epsilon ?? 1e-3;
    const { weights, norms: normalised, layers } = declare(architecture.forward, inputShape);
    this.pieces = weights;
    this.moving = normalised.flatMap(({ name, shape }) => [
      { name: `${name}/mean`, shape },
      { name: `${name}/variance`, shape },
    ]);
    this.layers = layers;
    const starts = weights.map((piece) => startValues(piece, seed, initialisation));
    const statistics = normalised.flatMap(({ shape: [n] }) => [new Float32Array(n), new Float32Array(n).fill(1)]);
    [this.weights, this.statistics] = [join(starts), join(statistics)].map((values) =>
      tf.tidy(() => tf.variable(tf.tensor1d(values))),
    );
  }

  /** That its weights take. */
  get bytes(): number {
    return 4 * (this.weights.size + this.statistics.size);
  }

  get parameters(): number {
    return this.weights.size;
  }

  /** Spans [from, to) of the weights that are kernels: what weight decay is for. Norms and biases stay as they are. */
  get kernels(): [from: number, to: number][] {
    let at = 0;
    return this.pieces.flatMap(({ name, shape }) => {
      const from = at;
      at += sizeOf(shape);
      return name.endsWith('/kernel') ? [[from, at] as [number, number]] : [];
    });
  }

  /** As it is after training: moving statistics, no dropout. `part`: another way through than the whole. */
  infer<T extends Tensor = ReturnType<A['forward']>>(
    x: Tensor4D,
    part = this.architecture.forward as (x: Tensor4D, scope: Scope) => T,
  ): T {
    return tf.tidy(() => part(x, this.#freeze().scope));
  }

  /**
   * Runs `part` as `infer` does and gives `see` the output of each layer by its name, before the normalisation after it, and of each normalisation with
   * the pooling and activation after it. To be called inside `tf.tidy`, which the tensors belong to.
   */
  observe(
    x: Tensor4D,
    see: (layer: string, output: Tensor) => void,
    part = this.architecture.forward as (x: Tensor4D, scope: Scope) => Tensor,
  ): void {
    const { scope } = this.#freeze();
    const seen = <T extends Tensor>(layer: string, output: T): T => (see(layer, output), output);
    part(x, {
      ...scope,
      folded: undefined, // inside a kernel a normalisation has no output of its own
      layer: (layer, run) => seen(layer.name, run()),
      normalise: (name, h, after) => seen(name, scope.normalise(name, h, after)),
    });
  }

  /**
   * One training pass: statistics of this batch, dropout by `seed`. Then `remember()` folds the
   * statistics into the moving ones, or `forget()` drops them.
   */
  train(x: Tensor4D, seed: (number | string)[]): TrainingPass<ReturnType<A['forward']>> {
    this.thaw();
    const seen: Tensor1D[] = [];
    const weight = named(cut(this.weights, this.pieces));
    const byBatch: Scope['normalise'] = (name, x, after) => {
      const { y, mean, variance } = normalise(
        x,
        weight(`${name}/gamma`) as Tensor1D,
        weight(`${name}/beta`) as Tensor1D,
        { epsilon: this.#epsilon, ...after },
      );
      seen.push(mean, variance);
      return y;
    };
    const y = this.architecture.forward(x, {
      weight,
      ...(this.#norms === 'frozen'
        ? folding(weight, named(cut(this.statistics, this.moving)), this.#epsilon)
        : { normalise: byBatch }),
      layer: (_layer, run) => run(),
      dropout: (name, x, rate) => dropout(x, rate, [...seed, name]),
      path: (name, branch, rate) => dropPath(branch, rate, [...seed, name]),
    });
    const forget = (): void => tf.dispose(seen);
    const remember = (): void => {
      if (seen.length)
        tf.tidy(() =>
          this.statistics.assign(tf.add(tf.mul(this.statistics, momentum), tf.mul(tf.concat1d(seen), 1 - momentum))),
        );
      forget();
    };
    return { y: y as ReturnType<A['forward']>, remember, forget };
  }

  async read(): Promise<NetworkValues> {
    return { weights: await valuesOf(this.weights), statistics: await valuesOf(this.statistics) };
  }

  write({ weights, statistics }: NetworkValues): void {
    this.thaw();
    tf.tidy(() => {
      this.weights.assign(tf.tensor1d(weights));
      this.statistics.assign(tf.tensor1d(statistics));
    });
  }

  /** Each weight and statistic by its name, as a model's file has them. */
  async tensors(): Promise<Required<Tensors>> {
    const { weights, statistics } = await this.read();
    const arrays = { ...split(weights, this.pieces), ...split(statistics, this.moving) };
    return {
      arrays,
      shapes: Object.fromEntries([...this.pieces, ...this.moving].map(({ name, shape }) => [name, shape])),
    };
  }

  /** From what `tensors()` gave. Throws where one is missing or of another size. */
  load(arrays: Tensors['arrays']): void {
    // Files of the first versions have two vectors instead.
    if (!this.pieces.some(({ name }) => name in arrays))
      return this.write({ weights: arrays.weights, statistics: arrays.statistics });
    const part = ({ name, shape }: Piece): Float32Array => {
      if (arrays[name]?.length !== sizeOf(shape))
        throw new Error(`The model's file does not have '${name}' of the shape [${shape.join(', ')}].`);
      return arrays[name];
    };
    this.write({ weights: join(this.pieces.map(part)), statistics: join(this.moving.map(part)) });
  }

  dispose(): void {
    this.thaw();
    this.weights.dispose();
    this.statistics.dispose();
  }

  #freeze(): Frozen {
    return (this.#frozen ??= freeze(cut(this.weights, this.pieces), cut(this.statistics, this.moving), this.#epsilon));
  }

  /** What was frozen is forgotten: to be called when the weights were changed by anything but `train` and `write`. */
  thaw(): void {
    this.#frozen?.dispose();
    this.#frozen = undefined;
  }
}

/** A flat vector cut into named tensors; the gradient of the cut is one concatenation. */
function cut(flat: Tensor, pieces: Piece[]): Map<string, Tensor> {
  if (!pieces.length) return new Map();
  return new Map(
    tf
      .split(
        flat,
        pieces.map(({ shape }) => sizeOf(shape)),
      )
      .map((part, i) => [pieces[i].name, tf.reshape(part, pieces[i].shape)]),
  );
}

/** Views of the parts of a flat vector, by name. */
function split(flat: Float32Array, pieces: readonly Piece[]): Record<string, Float32Array> {
  let at = 0;
  return Object.fromEntries(pieces.map(({ name, shape }) => [name, flat.subarray(at, (at += sizeOf(shape)))]));
}

function join(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
