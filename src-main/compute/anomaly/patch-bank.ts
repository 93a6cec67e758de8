/**
 * A memory bank of patches of normal images (PatchCore; Roth et al. 2022): a random sample of all patches is reduced to those that cover the others (greedy k-centre
 * in a random projection), and a patch is scored by its distance to the nearest patch of the bank. Patches are kept in the order of their images, so that the patches
 * of one image can be left out.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { farthestRows, nearestRows } from '../ops/nearest-rows.ts';
import { readBack } from '../read-back.ts';
import { fillNormal, random, shuffle } from '../random.ts';
import type { Patches } from './images.ts';
import { joined } from './patch-features.ts';
import { pickRows, trimPatches } from './trim.ts';
import type { FitContext } from './scorer.ts';

export interface PatchBank {
  /** The side of the window over which features are averaged; 1 for none. */
  window: number;
  patches: Tensor2D; // [kept, channels]
  /** For each training image the fraction of its patches that was left out as possible defects, if any were. */
  lost?: ReadonlyMap<number, number>;
  /** Where each patch comes from. Empty in models of earlier versions. */
  origins: Origins;
  /** For each training image the range of its patches in the bank. */
  spans: ReadonlyMap<number, readonly [from: number, to: number]>;
}

/** For each patch the position of its image, its row and column, and the rows and columns of the image: [patches, 5]. */
export type Origins = Int32Array;
export const originSize = 5;

/** The position of the image of each patch. */
const imagesOf = (origins: Origins): Int32Array => origins.filter((_, i) => i % originSize === 0);

/** Patches of one image are adjacent. */
export function spansOf(origins: Origins): PatchBank['spans'] {
  const spans = new Map<number, [number, number]>();
  for (let i = 0; i < origins.length / originSize; i++) {
    const position = origins[i * originSize];
    const span = spans.get(position);
    if (span) span[1] = i + 1;
    else spans.set(position, [i, i + 1]);
  }
  return spans;
}

/** Numbers per patch after the random projection (Johnson & Lindenstrauss 1984). */
const projected = 64;

export interface BankSize {
  /** The most patches that are sampled, from all images together. */
  sampled: number;
  /** The most patches that are kept. */
  kept: number;
  /** The fraction of the sampled patches that is left out as possible defects. */
  trimmed?: number;
}

export async function makeBank(
  window: number,
  { sampled, kept, trimmed = 0 }: BankSize,
  {
    images,
    train,
    seed,
    yieldToEventLoop,
    onEvent,
  }: Pick<FitContext<'patches'>, 'images' | 'train' | 'seed' | 'yieldToEventLoop' | 'onEvent'>,
): Promise<PatchBank> {
  const { channels } = images;
  const sample = await samplePatches(images, train, window, sampled, seed, yieldToEventLoop, (done) =>
    onEvent({ stage: 'read', done, total: train.length }),
  );
  const trim = trimmed
    ? await trimPatches(sample.values, channels, imagesOf(sample.origins), trimmed, yieldToEventLoop, (done, total) =>
        onEvent({ stage: 'trim', done, total }),
      )
    : undefined;
  const values = trim ? pickRows(sample.values, channels, trim.kept) : sample.values;
  const origins = trim ? pickRows(sample.origins, originSize, trim.kept) : sample.origins;
  const count = values.length / channels;
  const all = tf.tensor2d(values, [count, channels]);
  const points = tf.tidy(() => {
    const matrix = fillNormal(new Float32Array(channels * projected), random('projection', seed));
    return tf.matMul(all, tf.tensor2d(matrix, [channels, projected])) as Tensor2D;
  });
  try {
    const wanted = Math.min(kept, count);
    const first = Math.floor(random('first patch', seed)() * count);
    const chosen = await farthestRows(points, wanted, first, yieldToEventLoop, (done) =>
      onEvent({ stage: 'select', done, total: wanted }),
    );
    chosen.sort();
    const own = pickRows(origins, originSize, chosen);
    const patches = tf.tidy(() => tf.gather(all, tf.tensor1d(chosen, 'int32')));
    return { window, lost: trim?.lost, patches, origins: own, spans: spansOf(own) };
  } finally {
    tf.dispose([all, points]);
  }
}

/** A random sample of at most `most` patches, equally many from each image, in the order of `train`: [patches, channels] and where each comes from. */
export async function samplePatches(
  images: Patches,
  train: Int32Array,
  window: number,
  most: number,
  seed: number,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<{ values: Float32Array; origins: Origins }> {
  const { channels } = images;
  const perImage = Math.max(1, Math.floor(most / train.length));
  const values: Float32Array[] = [];
  const origins: number[] = [];
  let done = 0;
  for (const block of images.upload(train)) {
    const features = joined(block, { window });
    const [, rows, columns] = features.shape;
    const places = rows * columns;
    const chosen: number[] = [];
    block.positions.forEach((position, i) => {
      const order = shuffle(
        Array.from({ length: places }, (_, place) => place),
        random('patches', seed, position),
      );
      for (const place of order.slice(0, perImage).sort((a, b) => a - b)) {
        chosen.push(i * places + place);
        origins.push(position, Math.floor(place / columns), place % columns, rows, columns);
      }
    });
    const sampled = tf.tidy(() => tf.gather(tf.reshape(features, [-1, channels]), tf.tensor1d(chosen, 'int32')));
    features.dispose();
    values.push(await readBack(sampled));
    onDone((done += block.positions.length));
    await yieldToEventLoop();
  }
  const out = new Float32Array((origins.length / originSize) * channels);
  let at = 0;
  for (const part of values) {
    out.set(part, at);
    at += part.length;
  }
  return { values: out, origins: Int32Array.from(origins) };
}

/**
 * The distance of each patch of the images to its nearest patch in the bank, and that patch: [B, rows, columns]. `features`: [B, rows, columns, channels], averaged
 * over the bank's window. `positions`: of the images, as for `Model.score`; patches of a training image are not compared with their own.
 */
export async function nearestInBank(
  { patches, spans }: PatchBank,
  features: Tensor4D,
  positions: Int32Array,
): Promise<{ distances: Float32Array; nearest: Int32Array }> {
  const [count, rows, columns, channels] = features.shape;
  const places = rows * columns;
  const distances = new Float32Array(count * places);
  const nearest = new Int32Array(count * places);
  // Images that are compared with the whole bank are compared in one product.
  for (let from = 0; from < count;) {
    const span = spans.get(positions[from]);
    let to = from + 1;
    while (to < count && !span && !spans.has(positions[to])) to++;
    const x = tf.tidy(
      () =>
        tf.reshape(tf.slice4d(features, [from, 0, 0, 0], [to - from, rows, columns, channels]), [
          -1,
          channels,
        ]) as Tensor2D,
    );
    try {
      const found = await nearestRows(x, patches, span ?? [0, 0]);
      distances.set(found.distances.map(Math.sqrt), from * places);
      nearest.set(found.rows, from * places);
    } finally {
      x.dispose();
    }
    from = to;
  }
  return { distances, nearest };
}
