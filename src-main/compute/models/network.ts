/**
 * A network is a function of its input and a scope, not a graph of tfjs layers. The scope supplies weights by name: the first run declares them (`declare.ts`),
 * later runs read them. All weights are one flat variable: so an optimizer step is a few large operations, a checkpoint is two arrays, and fused kernels need
 * no layer classes. The moving means and variances of batch normalisation are a second flat variable without gradients. For inference the network is frozen
 * (`freeze.ts`); training thaws it.
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
import { sizeOf, type Layer, type Piece, type Scope } from './scope.ts';

export interface Architecture {
  forward(x: Tensor4D, scope: Scope): Tensor; // [B, …]
  /** Added to the variance in batch normalisations; default 1e-3. */
  epsilon?: number;
}

/** `encode`: the first half of `forward`, so that an image can be encoded without decoding it. */
export interface Autoencoder extends Architecture {
  forward(x: Tensor4D, scope: Scope): Tensor4D; // [B, S, S, 3]
  encode(x: Tensor4D, scope: Scope): Tensor; // [B, …]
}

export interface TrainingPass<Y extends Tensor> {
  y: Y;
  updateStatistics(): void;
  discardStatistics(): void;
}

/** Everything that training changes: flat arrays of the weights and of the moving statistics. */
export interface NetworkValues {
  weights: Float32Array;
  statistics: Float32Array;
}

/** Runs a layer and returns its output, or what is used in its place. */
export type Around = <T extends Tensor>(layer: Layer, run: () => T) => T;

/** Momentum of the moving statistics. It is low, since small datasets have few steps. */
const momentum = 0.9;

export class Network<A extends Architecture = Architecture> {
  readonly architecture: A;
  readonly weights: Variable;
  readonly statistics: Variable;
  /** Names and shapes of the parts of the flat weights, and of the flat statistics, in order. */
  readonly pieces: Piece[];
  readonly moving: Piece[];
  readonly layers: Declaration['layers'];
  readonly #norms: 'batch' | 'frozen';
  #epsilon: number;
  #frozen: Frozen | undefined;

  /**
   * `seed`: null if the weights are loaded next; kernels are then zeros, which takes no time. `norms`: training normalises by the statistics of each batch, or by the
   * moving statistics, which then do not change.
   */
  constructor(
    architecture: A,
    inputShape: [number, number, number],
    seed: number | null,
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
    const starts = weights.map((piece) =>
      seed === null ? new Float32Array(sizeOf(piece.shape)) : startValues(piece, seed, initialisation),
    );
    const statistics = normalised.flatMap(({ shape: [n] }) => [new Float32Array(n), new Float32Array(n).fill(1)]);
    [this.weights, this.statistics] = [join(starts), join(statistics)].map((values) =>
      tf.tidy(() => tf.variable(tf.tensor1d(values))),
    );
  }

  /** Size of the weights and statistics. */
  get bytes(): number {
    return 4 * (this.weights.size + this.statistics.size);
  }

  /** The number of weights, without the moving statistics. */
  get parameters(): number {
    return this.weights.size;
  }

  /** Spans [from, to) of the flat weights that are kernels. Weight decay applies to these, not to normalisations and biases. */
  get kernels(): [from: number, to: number][] {
    let at = 0;
    return this.pieces.flatMap(({ name, shape }) => {
      const from = at;
      at += sizeOf(shape);
      return name.endsWith('/kernel') ? [[from, at] as [number, number]] : [];
    });
  }

  /** Inference: with moving statistics and without dropout. `part`: runs a part of the network, such as `encode`. */
  infer<T extends Tensor = ReturnType<A['forward']>>(
    x: Tensor4D,
    part = this.architecture.forward as (x: Tensor4D, scope: Scope) => T,
  ): T {
    return tf.tidy(() => part(x, this.#freeze().scope));
  }

  /**
   * Runs `part` like `infer`, and calls `see` with the name and output of each layer (before its normalisation), of each normalisation (after its pooling
   * and activation) and of each stage. Call it inside `tf.tidy`, which owns the tensors.
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
      folded: undefined, // a folded normalisation would have no separate output
      layer: (layer, run) => seen(layer.name, run()),
      normalise: (name, h, after) => seen(name, scope.normalise(name, h, after)),
      stage: see,
    });
  }

  /**
   * Runs `part` like `infer`, and runs each layer by `around`, which returns what is used in place of the layer's output: so activations can be read, replaced, and
   * have gradients. A layer includes its normalisation and activation. Call it inside `tf.tidy`, which owns the tensors.
   */
  probe<T extends Tensor = ReturnType<A['forward']>>(
    x: Tensor4D,
    around: Around,
    part = this.architecture.forward as (x: Tensor4D, scope: Scope) => T,
  ): T {
    return part(x, { ...this.#freeze().scope, layer: around });
  }

  /**
   * One forward pass in training: normalisation by this batch (unless statistics are frozen), dropout seeded by `seed`. The caller then calls
   * `updateStatistics()`, which updates the moving statistics, or `discardStatistics()`.
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
    const discardStatistics = (): void => tf.dispose(seen);
    const updateStatistics = (): void => {
      if (seen.length)
        tf.tidy(() =>
          this.statistics.assign(tf.add(tf.mul(this.statistics, momentum), tf.mul(tf.concat1d(seen), 1 - momentum))),
        );
      discardStatistics();
    };
    return { y: y as ReturnType<A['forward']>, updateStatistics, discardStatistics };
  }

  /** Copies of the current values. */
  async read(): Promise<NetworkValues> {
    return { weights: await valuesOf(this.weights), statistics: await valuesOf(this.statistics) };
  }

  /** Replaces all values, and thaws the network. */
  write({ weights, statistics }: NetworkValues): void {
    this.thaw();
    tf.tidy(() => {
      this.weights.assign(tf.tensor1d(weights));
      this.statistics.assign(tf.tensor1d(statistics));
    });
  }

  /** Each weight and statistic by its name, for the model's file. */
  async tensors(): Promise<Required<Tensors>> {
    const { weights, statistics } = await this.read();
    const arrays = { ...split(weights, this.pieces), ...split(statistics, this.moving) };
    return {
      arrays,
      shapes: Object.fromEntries([...this.pieces, ...this.moving].map(({ name, shape }) => [name, shape])),
    };
  }

  /** Loads the arrays of `tensors()`. Throws if one is missing or of another size. */
  load(arrays: Tensors['arrays']): void {
    // Files of the first versions contain the two flat arrays.
    if (!this.pieces.some(({ name }) => name in arrays))
      return this.write({ weights: arrays.weights, statistics: arrays.statistics });
    const part = ({ name, shape }: Piece): Float32Array => {
      if (arrays[name]?.length !== sizeOf(shape))
        throw new Error(`The model's file does not have '${name}' of the shape [${shape.join(', ')}].`);
      return arrays[name];
    };
    this.write({ weights: join(this.pieces.map(part)), statistics: join(this.moving.map(part)) });
  }

  /** Frees all tensors of the network. */
  dispose(): void {
    this.thaw();
    this.weights.dispose();
    this.statistics.dispose();
  }

  #freeze(): Frozen {
    return (this.#frozen ??= freeze(cut(this.weights, this.pieces), cut(this.statistics, this.moving), this.#epsilon));
  }

  /** Discards the frozen network. Must be called after weights are changed by anything except `train` and `write`. */
  thaw(): void {
    this.#frozen?.dispose();
    this.#frozen = undefined;
  }
}

/** Splits a flat tensor into named tensors; the gradient of the split is one concatenation. */
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

/** Views of the parts of a flat array, by name. */
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
