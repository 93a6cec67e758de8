/**
 * A network is two functions of their input and a scope: from the image to its code, and back. The scope hands out weights by name: the
 * first run, on an empty image, declares and initialises them; later runs read them back. All weights are one flat variable, so that the optimizer, a checkpoint
 * and a copy of the best weights each are one operation on one vector, and names are only for reading.
 * What batch normalisation remembers (moving means and variances) lies in a second vector that no gradient reaches.
 */
import type { Tensor, Tensor1D, Tensor4D, Variable } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { fillNormal, random } from '../random.ts';
import { epsilon, normaliseBatch } from '../ops/layers.ts';
import { dropout } from '../ops/dropout.ts';

/** In two halves, so that the code can be had without drawing the image again. Weights are declared in this order. */
export interface Architecture {
  encode(x: Tensor4D, scope: Scope): Tensor; // [B, …]
  decode(code: Tensor, scope: Scope): Tensor4D; // [B, S, S, 3]
}

export interface Scope {
  /** `deviation`: spread of the random initial values; 0 for a constant `start`. */
  weight(name: string, shape: number[], deviation: number, start?: number): Tensor;
  /** Batch normalisation over everything but the last axis. */
  normalise(name: string, x: Tensor4D): Tensor4D;
  dropout(name: string, x: Tensor, rate: number): Tensor;
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

/** The moving average takes this much of its past: short, since a small set has few steps. */
const momentum = 0.9;

export class Network {
  readonly weights: Variable;
  readonly statistics: Variable;
  readonly pieces: Piece[] = [];
  #norms: Piece[] = [];
  #architecture: Architecture;

  constructor(architecture: Architecture, inputShape: [number, number, number], seed: number) {
    this.#architecture = architecture;
    const starts: Float32Array[] = [];
    const declare: Scope = {
      weight: (name, shape, deviation, start = 0) => {
        const values = new Float32Array(sizeOf(shape)).fill(start);
        if (deviation) fillNormal(values, random('weights', seed, name), deviation);
        this.pieces.push({ name, shape });
        starts.push(values);
        return tf.tensor(values, shape);
      },
      normalise: (name, x) => {
        const channels = x.shape[3];
        declare.weight(`${name}/gamma`, [channels], 0, 1);
        declare.weight(`${name}/beta`, [channels], 0);
        this.#norms.push({ name, shape: [channels] });
        return x;
      },
      dropout: (_name, x) => x,
    };
    tf.tidy(() => void this.#forward(tf.zeros([1, ...inputShape]), declare));
    const channels = this.#norms.flatMap(({ shape: [n] }) => [new Float32Array(n), new Float32Array(n).fill(1)]);
    [this.weights, this.statistics] = [join(starts), join(channels)].map((values) => tf.tidy(() => tf.variable(tf.tensor1d(values))));
  }

  get parameters(): number {
    return this.weights.size;
  }

  /** As it is after training: moving statistics, no dropout. */
  infer(x: Tensor4D): Tensor4D {
    return tf.tidy(() => this.#forward(x, this.#asTrained()));
  }

  /** The code alone, as it is after training. */
  encode(x: Tensor4D): Tensor {
    return tf.tidy(() => this.#architecture.encode(x, this.#asTrained()));
  }

  #forward(x: Tensor4D, scope: Scope): Tensor4D {
    return this.#architecture.decode(this.#architecture.encode(x, scope), scope);
  }

  #asTrained(): Scope {
    const statistics = split(this.statistics, this.#norms.flatMap(({ shape }) => [shape, shape])) as Tensor1D[];
    let taken = 0;
    const weight = this.#reader();
    return {
      weight,
      normalise: (name, x) => {
        const [mean, variance] = [statistics[taken++], statistics[taken++]];
        return tf.batchNorm4d(x, mean, variance, weight(`${name}/beta`) as Tensor1D, weight(`${name}/gamma`) as Tensor1D, epsilon);
      },
      dropout: (_name, x) => x,
    };
  }

  /** One training pass: statistics of this batch, dropout by `seed`. `remember()` then folds the statistics into the moving ones. */
  train(x: Tensor4D, seed: (number | string)[]): { y: Tensor4D; remember: () => void } {
    const seen: Tensor1D[] = [];
    const weight = this.#reader();
    const y = this.#forward(x, {
      weight,
      normalise: (name, x) => {
        const { y, mean, variance } = normaliseBatch(x, weight(`${name}/gamma`) as Tensor1D, weight(`${name}/beta`) as Tensor1D);
        seen.push(mean, variance);
        return y;
      },
      dropout: (name, x, rate) => dropout(x, rate, [...seed, name]),
    });
    const remember = (): void => {
      if (seen.length) tf.tidy(() => this.statistics.assign(tf.add(tf.mul(this.statistics, momentum), tf.mul(tf.concat1d(seen), 1 - momentum))));
      tf.dispose(seen);
    };
    return { y, remember };
  }

  read(): NetworkValues {
    return { weights: this.weights.dataSync<'float32'>(), statistics: this.statistics.dataSync<'float32'>() };
  }

  write({ weights, statistics }: NetworkValues): void {
    tf.tidy(() => {
      this.weights.assign(tf.tensor1d(weights));
      this.statistics.assign(tf.tensor1d(statistics));
    });
  }

  dispose(): void {
    this.weights.dispose();
    this.statistics.dispose();
  }

  /** The flat vector cut into the named weights; the gradient of the cut is one concatenation. */
  #reader(): (name: string) => Tensor {
    const tensors = split(this.weights, this.pieces.map(({ shape }) => shape));
    const byName = new Map(this.pieces.map(({ name }, i) => [name, tensors[i]]));
    return (name) => {
      const tensor = byName.get(name);
      if (!tensor) throw new Error(`The network has no weight '${name}'.`);
      return tensor;
    };
  }
}

const sizeOf = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);

function split(flat: Tensor, shapes: number[][]): Tensor[] {
  if (!shapes.length) return [];
  return tf.split(flat, shapes.map(sizeOf)).map((part, i) => tf.reshape(part, shapes[i]));
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
