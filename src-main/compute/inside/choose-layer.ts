/**
 * The layer that a map is made of, if a person chooses none. In a convolutional classifier late layers have the meaning, and early ones the resolution; which matters
 * more depends on the images: so a few images of the folder vote.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { resample } from '../../contract/resample.ts';
import { tf } from '../backend.ts';
import type { Layer } from '../models/scope.ts';
import { readBack } from '../read-back.ts';
import { coarsePlaces } from './methods/cam.ts';
import { mappable, placesOf } from './methods/layer-maps.ts';
import type { MethodMap } from './methods/method.ts';
import type { Objective, OpenSubject } from './subject.ts';

/**
 * The last layer with at least this many places along each side, if there is one: late layers have the meaning, early ones the resolution. In a transformer, the
 * normalisation before the last attention, since the class token alone is read after it. In an autoencoder, the code.
 */
export function chooseLayer({ code }: OpenSubject, layers: readonly Layer[], wantedPlaces: number): Layer | null {
  const coded = layers.find(({ name }) => name === code);
  if (coded && placesOf(coded)) return coded;
  const candidates = mappable(layers);
  const attention = layers.findLast(({ kind }) => kind === 'attention');
  if (attention) {
    const before = attention.name.replace(/attention$/, 'before');
    return candidates.find(({ name }) => name === before) ?? candidates.at(-1) ?? null;
  }
  const ends = candidates.filter(({ kind }) => kind !== 'max pooling');
  const side = (layer: Layer): number => {
    const { rows, columns } = placesOf(layer)!;
    return Math.min(rows, columns);
  };
  return ends.findLast((layer) => side(layer) >= wantedPlaces) ?? ends.at(-1) ?? null;
}

/**
 * The layers that images vote on, the last one first; one or none if there is nothing to choose. Methods with a gradient of each place are right at early layers too:
 * they take the places that they want.
 */
export function candidateLayers(subject: OpenSubject, layers: readonly Layer[], wantedPlaces: number): Layer[] {
  const places = wantedPlaces > coarsePlaces ? [wantedPlaces] : [1, wantedPlaces];
  return [...new Set(places.flatMap((count) => chooseLayer(subject, layers, count) ?? []))];
}

/** Fractions of the pixels at most, the highest of the map first. */
const [deleted, inserted] = [0.05, 0.15];

/**
 * How well a map of one image finds what the target needs: the fall of the target when its highest places are covered, plus its rise when only these are shown on a
 * blurred image, as fractions of the difference between the image and the blurred one (Petsiuk et al. 2018).
 */
export async function voteOf(
  map: MethodMap,
  x: Tensor4D,
  objective: Objective,
  baseline: readonly number[],
): Promise<number> {
  const [, height, width] = x.shape;
  const values = resample(map.values, map.rows, map.columns, height, width);
  const sorted = Float32Array.from(values).sort();
  const maskOf = (fraction: number): Tensor4D => {
    const least = sorted[Math.floor((1 - fraction) * (sorted.length - 1))];
    return tf.tensor4d(
      // Places without evidence do not count, even if the others are fewer: an empty map changes nothing.
      values.map((value) => Number(value >= least && value > sorted[0])),
      [1, height, width, 1],
    );
  };
  const [whole, blank, without, only] = await readBack(
    tf.tidy(() => {
      const blurred = blurredImage(x);
      const between = (from: Tensor4D, to: Tensor4D, mask: Tensor4D): Tensor4D =>
        tf.add(from, tf.mul(mask, tf.sub(to, from)));
      const flat = tf.mul(tf.onesLike(x), tf.tensor4d([...baseline], [1, 1, 1, 3])) as Tensor4D;
      return objective(
        tf.concat4d([x, blurred, between(x, flat, maskOf(deleted)), between(blurred, x, maskOf(inserted))], 0),
      );
    }),
  );
  return (whole - without + only - blank) / Math.max(1e-6, Math.abs(whole - blank));
}

/** A coarse version of the image: edges without objects would change the output of their own. */
export function blurredImage(x: Tensor4D): Tensor4D {
  const [, height, width] = x.shape;
  const window: [number, number] = [Math.ceil(height / 8), Math.ceil(width / 8)];
  return tf.tidy(() => {
    const small = tf.image.resizeBilinear(tf.avgPool(x, window, window, 'same'), [8, 8], false, true);
    return tf.image.resizeBilinear(small, [height, width], false, true);
  });
}
