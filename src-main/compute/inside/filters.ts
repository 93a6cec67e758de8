/** The kernels of a layer as pictures, with what their numbers say: norms, dead and duplicate ones, a histogram. Normalisations are not folded into them. */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Filters } from '../../contract/inside.ts';
import { largestOf, smallestOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { sizeOf, type Layer } from '../models/scope.ts';
import { readBack } from '../read-back.ts';
import { layerNamed } from './layer-output.ts';
import { readSnapshot, snapshotBytes, snapshotEpochs } from './snapshots.ts';
import { layersOf, withSubject, type OpenSubject, type SubjectRef } from './subject.ts';

export interface FiltersArgs {
  subject: SubjectRef;
  layer: string;
  /** Of a snapshot; null for the finished network. */
  epoch: number | null;
}

export interface FiltersResult {
  header: Filters;
  kernels: Float32Array; // [outputs, rows, columns, inputs]
  norms: Float32Array; // [outputs], of the whole kernels
}

/** At most this many values are sent: 16 MiB. */
const mostSent = 2 ** 22;
const bins = 64;
/** A kernel is dead if its norm is below this fraction of the median, or its normalisation scales it by less than this fraction of the median. */
const deadBelow = 0.01;
const alikeFrom = 0.98;
const mostPairs = 200;

/** Throws BadParameters with the reason if the layer has no kernels, or the epoch no snapshot of them. */
export const filters = defineCall({
  run: ({ subject: ref, layer: name, epoch }: FiltersArgs): Promise<FiltersResult> =>
    withSubject(ref, async (subject) => {
      const layers = layersOf(subject);
      const layer = layerNamed(layers, name);
      const shape = pictureShape(subject, layer, layers[0]);
      const folder = ref.kind === 'weights' ? null : ref.runFolder;
      const epochs = folder === null ? [] : snapshotEpochs(folder);
      const first = folder !== null && epochs.length ? readSnapshot(folder, epochs[0]) : undefined;
      const snapshots = first && kernelName(name) in first ? epochs : [];
      if (epoch !== null && !snapshots.includes(epoch))
        throw new BadParameters(
          snapshots.length
            ? `Kernels of epoch ${epoch} were not kept. Epochs: ${snapshots.join(', ')}.`
            : `No kernels of ‘${name}’ were kept while it trained: only those of small layers are.`,
        );
      const kept = epoch === null || folder === null ? undefined : readSnapshot(folder, epoch)?.[kernelName(name)];
      if (epoch !== null && !kept) throw new BadParameters(`The snapshot of epoch ${epoch} is damaged.`);
      const kernels = tf.tidy(() =>
        pictures(
          kept ? tf.tensor(kept, shapeOf(subject, kernelName(name))) : weightOf(subject, kernelName(name)),
          shape,
        ),
      );
      try {
        const gammas =
          epoch === null && subject.network.pieces.some((piece) => piece.name === gammaName(name))
            ? await readBack(tf.tidy(() => weightOf(subject, gammaName(name))))
            : null;
        return await described(kernels, gammas, {
          layer: name,
          epoch,
          snapshots,
          snapshotBytes: folder === null ? 0 : snapshotBytes(folder),
        });
      } finally {
        kernels.dispose();
      }
    }),
});

const kernelName = (layer: string): string => `${layer}/kernel`;
const gammaName = (layer: string): string => `${layer}/norm/gamma`;

interface PictureShape {
  kind: Layer['kind'];
  /** Sides of the image that a dense layer reads. */
  sides: readonly [number, number];
}

/** Throws BadParameters if the layer has no kernels that are pictures. */
function pictureShape({ network, inputSides }: OpenSubject, { name, kind }: Layer, first: Layer): PictureShape {
  const kernel = network.pieces.find((piece) => piece.name === kernelName(name));
  if (!kernel)
    throw new BadParameters(
      `The layer ‘${name}’ (${kind}) has no kernels: it computes without weights, or scales only.`,
    );
  if (kind === 'dense') {
    const [height, width] = inputSides;
    if (first.name !== name || kernel.shape[0] !== height * width * 3)
      throw new BadParameters(
        `The dense layer ‘${name}’ does not read the image but units of the layer before, so its weights are no pictures. See its feature maps, or the images that drive its units.`,
      );
  }
  return { kind, sides: inputSides };
}

function shapeOf({ network }: OpenSubject, name: string): number[] {
  return network.pieces.find((piece) => piece.name === name)!.shape;
}

/** A weight of the flat weights. */
function weightOf({ network: { weights, pieces } }: OpenSubject, name: string): Tensor {
  let at = 0;
  for (const piece of pieces) {
    if (piece.name === name) return tf.reshape(tf.slice(weights, [at], [sizeOf(piece.shape)]), piece.shape);
    at += sizeOf(piece.shape);
  }
  throw new Error(`The network has no weight '${name}'.`);
}

/** A kernel as [outputs, rows, columns, inputs]. */
function pictures(kernel: Tensor, { kind, sides: [height, width] }: PictureShape): Tensor4D {
  if (kind === 'dense') return tf.reshape(tf.transpose(kernel), [-1, height, width, 3]);
  // Transposed and depthwise kernels: [rows, columns, outputs, inputs]; others: [rows, columns, inputs, outputs].
  const order = kind === 'convolution' ? [3, 0, 1, 2] : [2, 0, 1, 3];
  return tf.transpose(kernel, order) as Tensor4D;
}

async function described(
  kernels: Tensor4D,
  gammas: Float32Array | null,
  known: Pick<Filters, 'layer' | 'epoch' | 'snapshots' | 'snapshotBytes'>,
): Promise<FiltersResult> {
  const [all, rows, columns, allInputs] = kernels.shape;
  const places = rows * columns;
  const flat = kernels.reshape([all, -1]) as Tensor2D;
  const norms = await readBack(tf.tidy(() => tf.norm(flat, 'euclidean', 1)));
  if (!norms.every(Number.isFinite)) {
    flat.dispose();
    throw new BadParameters(`The layer ‘${known.layer}’ has weights that are not numbers: the model is damaged.`);
  }
  const dead = deadOf(norms, gammas);
  const duplicates = places * allInputs > 1 ? await duplicatesOf(flat, norms, new Set(dead)) : [];
  const inputs = Math.min(allInputs, Math.max(3, Math.floor(mostSent / (all * places))));
  const outputs = Math.min(all, Math.max(1, Math.floor(mostSent / (places * inputs))));
  const values = await readBack(tf.tidy(() => tf.slice(kernels, [0, 0, 0, 0], [outputs, rows, columns, inputs])));
  flat.dispose();
  return {
    header: {
      ...known,
      outputs,
      rows,
      columns,
      inputs,
      dead: dead.filter((unit) => unit < outputs),
      duplicates: duplicates.filter((pair) => pair.every((unit) => unit < outputs)),
      histogram: histogramOf(values),
      isCut: outputs < all || inputs < allInputs,
    },
    kernels: values,
    norms: norms.slice(0, outputs),
  };
}

function deadOf(norms: Float32Array, gammas: Float32Array | null): number[] {
  const [usualNorm, usualGamma] = [medianOf(norms), gammas ? medianOf(gammas.map(Math.abs)) : 0];
  return [...norms.keys()].filter(
    (unit) =>
      norms[unit] <= deadBelow * usualNorm || (gammas !== null && Math.abs(gammas[unit]) <= deadBelow * usualGamma),
  );
}

const medianOf = (values: Float32Array): number => values.slice().sort()[values.length >> 1];

/** Pairs of the rows of `flat` by the cosine of their angle. */
async function duplicatesOf(
  flat: Tensor2D,
  norms: Float32Array,
  dead: ReadonlySet<number>,
): Promise<[number, number][]> {
  const n = norms.length;
  const cosines = await readBack(
    tf.tidy(() => {
      const unit = tf.div(flat, tf.add(tf.norm(flat, 'euclidean', 1, true), 1e-30)) as Tensor2D;
      return tf.matMul(unit, unit, false, true);
    }),
  );
  const pairs: { pair: [number, number]; cosine: number }[] = [];
  for (let a = 0; a < n; a++) {
    if (dead.has(a)) continue;
    for (let b = a + 1; b < n; b++)
      if (cosines[a * n + b] >= alikeFrom && !dead.has(b)) pairs.push({ pair: [a, b], cosine: cosines[a * n + b] });
  }
  return pairs
    .sort((p, q) => q.cosine - p.cosine)
    .slice(0, mostPairs)
    .map(({ pair }) => pair);
}

function histogramOf(values: Float32Array): Filters['histogram'] {
  const [from, to] = [smallestOf(values), largestOf(values)];
  const counts = new Array<number>(bins).fill(0);
  const scale = to > from ? bins / (to - from) : 0;
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - from) * scale))]++;
  return { from, to, counts };
}
