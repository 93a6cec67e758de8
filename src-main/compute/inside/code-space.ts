/**
 * The space of the codes of an autoencoder: principal directions of the codes of many images. What a decoder reads beside the code (the maps of a network with skips) moves with it: by what
 * accompanies a direction in the images, which is the regression on the code's position along it.
 */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { leadingSubspace, symmetricEigen } from '../linear-algebra.ts';
import { sizeOf, type Layer } from '../models/scope.ts';
import { blockOf, range, type Pixels } from '../pixels.ts';
import { fillNormal, random } from '../random.ts';
import { readBack } from '../read-back.ts';
import { flowOf } from './network-view.ts';
import { imagesPerPass } from './pass.ts';
import { layersOf, type OpenSubject } from './subject.ts';

/** At most this many principal directions. */
const mostDirections = 16;
/** At most this many numbers in the codes of all images: 256 MiB. */
const mostNumbers = 2 ** 26;
/** A code with at most this many numbers is shown as numbers. */
const mostShown = 256;

/** What a decoder reads of an encoder. */
export interface CodeLayers {
  code: Layer;
  /** The code first, then maps that skip it. */
  all: readonly Layer[];
  /** The code is a short list of numbers. */
  isShort: boolean;
}

/** Throws BadParameters if the subject has no code. */
export function codeLayersOf(subject: OpenSubject): CodeLayers {
  const flow = flowOf(subject);
  const at = flow.findIndex(({ layer }) => layer.name === subject.code);
  if (at < 0 || subject.kind !== 'autoencoder')
    throw new BadParameters('Only autoencoders of pixels have a code that an image can be decoded from.');
  const read = new Set(flow.slice(at + 1).flatMap(({ from }) => from));
  const skips = flow.slice(0, at).filter(({ layer }) => read.has(layer.name));
  const code = flow[at].layer;
  return {
    code,
    all: [code, ...skips.map(({ layer }) => layer)],
    isShort: code.output.length === 1 && code.output[0] <= mostShown,
  };
}

/** The outputs of these layers for images, each as [B, size]. The caller disposes of them. */
export function encoded(subject: OpenSubject, { all }: CodeLayers, x: Tensor4D): Tensor2D[] {
  const found = new Map<string, Tensor2D>();
  tf.tidy(() => {
    subject.look(x, (layer, run) => {
      const output = run();
      if (all.some(({ name }) => name === layer.name))
        found.set(layer.name, tf.keep(tf.reshape(output, [x.shape[0], -1]).clone()) as Tensor2D);
      return output;
    });
  });
  return all.map(({ name }) => found.get(name)!);
}

/** The images of these outputs, [B, side, side, 3], 0..1. Call it inside `tf.tidy`. */
export function decoded(subject: OpenSubject, { all }: CodeLayers, states: readonly Tensor2D[]): Tensor4D {
  const count = states[0].shape[0];
  const given = new Map<string, Tensor>(
    all.map(({ name, output }, i) => [name, tf.reshape(states[i], [count, ...output])]),
  );
  // The image is not read: all that the decoder reads is replaced.
  const x = tf.zeros([count, ...subject.inputSides, 3]) as Tensor4D;
  return subject.look(x, (layer, run) => {
    const own = given.get(layer.name);
    return own ? (own as ReturnType<typeof run>) : run();
  }) as Tensor4D;
}

export interface CodeSpace {
  directions: number;
  /** For each of the layers: its change for one standard deviation along each direction, [directions, size]. */
  steps: Float32Array[];
  /** From the 1st to the 99th percentile of each number of the code; only of short codes. */
  ranges: [number, number][];
}

/** The number of directions for so many images. */
export const directionsFor = ({ code }: CodeLayers, images: number): number =>
  Math.max(0, Math.min(mostDirections, images - 1, sizeOf(code.output)));

/** At most this many images are encoded. */
export const imagesFor = ({ code }: CodeLayers, images: number): number =>
  Math.min(images, Math.max(mostDirections, Math.floor(mostNumbers / sizeOf(code.output))));

/** Encodes the images twice: for the directions, then for what moves along them. */
export async function codeSpaceOf(
  subject: OpenSubject,
  layers: CodeLayers,
  pixels: Pixels,
  onProgress: (done: number, total: number) => void,
  yieldToEventLoop: () => Promise<void>,
): Promise<CodeSpace> {
  const count = imagesFor(layers, pixels.count);
  const size = sizeOf(layers.code.output);
  const codes = new Float32Array(count * size);
  const eachBlock = async (pass: number, work: (states: Tensor2D[], from: number) => Promise<void>): Promise<void> => {
    const block = imagesPerPass(layersOf(subject), blockOf(pixels.sizePx));
    for (let from = 0; from < count; from += block) {
      const positions = range(from, Math.min(count, from + block));
      const bytes = pixels.read(positions);
      const row = pixels.sizePx ** 2 * 3;
      const x = subject.input(
        Array.from(positions, (_, i) => ({
          bytes: bytes.subarray(i * row, (i + 1) * row),
          height: pixels.sizePx,
          width: pixels.sizePx,
        })),
      );
      const states = encoded(subject, layers, x);
      x.dispose();
      try {
        await work(states, from);
      } finally {
        tf.dispose(states);
      }
      onProgress(pass * count + from + positions.length, 2 * count);
      await yieldToEventLoop();
    }
  };
  await eachBlock(0, async ([code], from) => codes.set(await readBack(code.clone()), from * size));
  const wanted = directionsFor(layers, count);
  const weights = await principalWeights(codes, count, wanted, yieldToEventLoop); // [directions, images]
  const directions = weights.length / Math.max(1, count);
  let sums: Tensor2D[] = layers.all.map(({ output }) => tf.zeros([directions, sizeOf(output)]));
  try {
    if (directions)
      await eachBlock(1, (states, from) => {
        const own = states[0].shape[0];
        const next = tf.tidy(() => {
          const part = tf.slice(tf.tensor2d(weights, [directions, count]), [0, from], [directions, own]);
          return states.map((state, i) => tf.add(sums[i], tf.matMul(part, state)) as Tensor2D);
        });
        tf.dispose(sums);
        sums = next;
        return Promise.resolve();
      });
    const steps: Float32Array[] = [];
    for (const sum of sums) steps.push(await readBack(sum.clone()));
    return { directions, steps, ranges: layers.isShort ? rangesOf(codes, count, size) : [] };
  } finally {
    tf.dispose(sums);
  }
}

/**
 * The principal directions as weights of the images, [directions, images]: the sum of the codes by the weights of a direction is one standard deviation along it. They are the leading
 * eigenvectors of the images' Gram matrix, divided by the root of their number. The largest weight is positive.
 */
async function principalWeights(
  codes: Float32Array,
  count: number,
  wanted: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Float32Array> {
  if (wanted < 1) return new Float32Array(0);
  const gram = Float64Array.from(
    await readBack(
      tf.tidy(() => {
        const all = tf.tensor2d(codes, [count, codes.length / count]);
        const centred = tf.sub(all, tf.mean(all, 0, true)) as Tensor2D;
        return tf.matMul(centred, centred, false, true);
      }),
    ),
  );
  const width = Math.min(count, wanted + 8);
  const multiply = (basis: Float64Array): Float64Array => {
    const out = new Float64Array(count * width);
    for (let i = 0; i < count; i++)
      for (let k = 0; k < count; k++) {
        const g = gram[i * count + k];
        for (let j = 0; j < width; j++) out[i * width + j] += g * basis[k * width + j];
      }
    return out;
  };
  const start = fillNormal(new Float64Array(count * width), random('directions'));
  const basis = await leadingSubspace(start, count, width, 12, multiply, yieldToEventLoop);
  const image = multiply(basis);
  const small = new Float64Array(width * width);
  for (let a = 0; a < width; a++)
    for (let b = 0; b < width; b++)
      for (let i = 0; i < count; i++) small[a * width + b] += basis[i * width + a] * image[i * width + b];
  const { values, vectors } = await symmetricEigen(small, width, yieldToEventLoop);
  const directions = values.subarray(0, wanted).findLastIndex((value) => value > 1e-9 * values[0] && value > 0) + 1;
  const weights = new Float32Array(directions * count);
  for (let d = 0; d < directions; d++) {
    const own = Float64Array.from({ length: count }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += basis[i * width + j] * vectors[j * width + d];
      return sum / Math.sqrt(count);
    });
    const largest = own.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    own.forEach((value, i) => (weights[d * count + i] = largest < 0 ? -value : value));
  }
  return weights;
}

function rangesOf(codes: Float32Array, count: number, size: number): [number, number][] {
  return Array.from({ length: size }, (_, number) => {
    const own = Float32Array.from({ length: count }, (_, i) => codes[i * size + number]).sort();
    const at = (share: number): number => own[Math.round(share * (count - 1))];
    return [at(0.01), at(0.99)];
  });
}
