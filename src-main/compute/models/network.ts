/**
 * A network is a function of its input and a scope. The scope hands out weights by name: the first run, on an empty image, declares and
 * initialises them; later runs read them back. All weights are one flat variable, so that the optimizer, a checkpoint and a copy of the
 * best weights each are one operation on one vector, and names are only for reading. What batch normalisation remembers (moving means
 * and variances) lies in a second vector that no gradient reaches.
 *
 * For inference the network is frozen: its weights are cut out once, and each normalisation is folded into the convolution before it
 * (Jacob et al. 2018, §3.2); training thaws it.
 */
import type { Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import type { Activation } from '../ops/activation.ts';
import { dropout } from '../ops/dropout.ts';
import { normalise } from '../ops/norm.ts';
import { fillNormal, random } from '../random.ts';
import { valuesOf } from '../read-back.ts';

export interface Architecture {
  forward(x: Tensor4D, scope: Scope): Tensor; // [B, …]
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

export interface Scope {
  /** `deviation`: spread of the random initial values; 0 for a constant `start`. */
  weight(name: string, shape: number[], deviation: number, start?: number): Tensor;
  /** Batch normalisation over everything but the last axis, then 2×2 max pooling where `pool` is 2, then the activation. */
  normalise(name: string, x: Tensor4D, after: After): Tensor4D;
  dropout(name: string, x: Tensor, rate: number): Tensor;
  /** Frozen: the kernel `<name>/kernel` with the normalisation `<name>/norm` in it. `axis`: where the kernel has its outputs. */
  folded?(name: string, axis: number): Folded;
}

export interface After {
  pool?: 1 | 2;
  activation?: Exclude<Activation, 'sigmoid'>;
}

export interface Folded {
  kernel: Tensor;
  bias: Tensor1D;
}

export interface TrainingPass<Y extends Tensor> {
  y: Y;
  remember(): void;
  forget(): void;
}

interface Piece {
  name: string;
  shape: number[];
}

/** All that training changes. */
export interface NetworkValues {
  weights: Float32Array;
  statistics: Float32Array;
}

/** In the square root of a normalisation. */
export const epsilon = 1e-3;

/** The moving average takes this much of its past: short, since a small set has few steps. */
const momentum = 0.9;

export class Network<A extends Architecture = Architecture> {
  readonly architecture: A;
  readonly weights: Variable;
  readonly statistics: Variable;
  readonly pieces: Piece[] = [];
  #norms: Piece[] = [];
  #frozen: Frozen | undefined;

  constructor(architecture: A, inputShape: [number, number, number], seed: number) {
    this.architecture = architecture;
    const starts: Float32Array[] = [];
    const declare: Scope = {
      weight: (name, shape, deviation, start = 0) => {
        const values = new Float32Array(sizeOf(shape)).fill(start);
        if (deviation) fillNormal(values, random('weights', seed, name), deviation);
        this.pieces.push({ name, shape });
        starts.push(values);
        return tf.tensor(values, shape);
      },
      normalise: (name, x, { pool = 1 }) => {
        const channels = x.shape[3];
        declare.weight(`${name}/gamma`, [channels], 0, 1);
        declare.weight(`${name}/beta`, [channels], 0);
        this.#norms.push({ name, shape: [channels] });
        return pool === 2 ? tf.maxPool(x, 2, 2, 'valid') : x;
      },
      dropout: (_name, x) => x,
    };
    tf.tidy(() => void architecture.forward(tf.zeros([1, ...inputShape]), declare));
    const channels = this.#norms.flatMap(({ shape: [n] }) => [new Float32Array(n), new Float32Array(n).fill(1)]);
    [this.weights, this.statistics] = [join(starts), join(channels)].map((values) => tf.tidy(() => tf.variable(tf.tensor1d(values))));
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
  infer<T extends Tensor = ReturnType<A['forward']>>(x: Tensor4D, part = this.architecture.forward as (x: Tensor4D, scope: Scope) => T): T {
    return tf.tidy(() => part(x, this.#freeze().scope));
  }

  /**
   * One training pass: statistics of this batch, dropout by `seed`. Then `remember()` folds the
   * statistics into the moving ones, or `forget()` drops them.
   */
  train(x: Tensor4D, seed: (number | string)[]): TrainingPass<ReturnType<A['forward']>> {
    this.#thaw();
    const seen: Tensor1D[] = [];
    const weight = named(cut(this.weights, this.pieces));
    const y = this.architecture.forward(x, {
      weight,
      normalise: (name, x, after) => {
        const { y, mean, variance } = normalise(x, weight(`${name}/gamma`) as Tensor1D, weight(`${name}/beta`) as Tensor1D, { epsilon, ...after });
        seen.push(mean, variance);
        return y;
      },
      dropout: (name, x, rate) => dropout(x, rate, [...seed, name]),
    });
    const forget = (): void => tf.dispose(seen);
    const remember = (): void => {
      if (seen.length) tf.tidy(() => this.statistics.assign(tf.add(tf.mul(this.statistics, momentum), tf.mul(tf.concat1d(seen), 1 - momentum))));
      forget();
    };
    return { y: y as ReturnType<A['forward']>, remember, forget };
  }

  async read(): Promise<NetworkValues> {
    return { weights: await valuesOf(this.weights), statistics: await valuesOf(this.statistics) };
  }

  write({ weights, statistics }: NetworkValues): void {
    this.#thaw();
    tf.tidy(() => {
      this.weights.assign(tf.tensor1d(weights));
      this.statistics.assign(tf.tensor1d(statistics));
    });
  }

  dispose(): void {
    this.#thaw();
    this.weights.dispose();
    this.statistics.dispose();
  }

  #freeze(): Frozen {
    return (this.#frozen ??= freeze(cut(this.weights, this.pieces), cut(this.statistics, this.#norms.flatMap(({ name, shape }) => [{ name: `${name}/mean`, shape }, { name: `${name}/variance`, shape }]))));
  }

  #thaw(): void {
    this.#frozen?.dispose();
    this.#frozen = undefined;
  }
}

interface Frozen {
  scope: Scope;
  dispose(): void;
}

/** `tensors` are kept until it is disposed. */
function freeze(weights: Map<string, Tensor>, statistics: Map<string, Tensor>): Frozen {
  const kept: Tensor[] = [...weights.values(), ...statistics.values()].map((t) => tf.keep(t));
  const [weight, statistic] = [named(weights), named(statistics)];
  const folds = new Map<string, Folded>();
  const factors = (name: string): { scale: Tensor1D; shift: Tensor1D } => {
    const scale = tf.div(weight(`${name}/gamma`), tf.sqrt(tf.add(statistic(`${name}/variance`), epsilon))) as Tensor1D;
    return { scale, shift: tf.sub(weight(`${name}/beta`), tf.mul(statistic(`${name}/mean`), scale)) };
  };
  const scope: Scope = {
    weight,
    normalise: (name, x, { pool = 1, activation = 'none' }) => {
      const { scale, shift } = factors(name);
      const y = tf.add(tf.mul(x, scale), shift) as Tensor4D;
      const pooled = pool === 2 ? tf.maxPool(y, 2, 2, 'valid') : y;
      return activation === 'none' ? pooled : activation === 'relu' ? tf.relu(pooled) : tf.relu6(pooled);
    },
    dropout: (_name, x) => x,
    folded(name, axis) {
      let fold = folds.get(name);
      if (!fold) {
        const { scale, shift } = factors(`${name}/norm`);
        const kernel = weight(`${name}/kernel`);
        fold = { kernel: tf.keep(tf.mul(kernel, tf.reshape(scale, kernel.shape.map((_, i) => (i === axis ? -1 : 1))))), bias: tf.keep(shift) };
        kept.push(fold.kernel, fold.bias);
        folds.set(name, fold);
      }
      return fold;
    },
  };
  return { scope, dispose: () => tf.dispose(kept) };
}

/** A flat vector cut into named tensors; the gradient of the cut is one concatenation. */
function cut(flat: Tensor, pieces: Piece[]): Map<string, Tensor> {
  if (!pieces.length) return new Map();
  return new Map(tf.split(flat, pieces.map(({ shape }) => sizeOf(shape))).map((part, i) => [pieces[i].name, tf.reshape(part, pieces[i].shape)]));
}

function named(tensors: Map<string, Tensor>): (name: string) => Tensor {
  return (name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`The network has no weight '${name}'.`);
    return tensor;
  };
}

const sizeOf = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

function join(parts: Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
