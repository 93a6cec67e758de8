/** Feature maps of one image: all channels of a layer, or one small map of every layer. */
import type { Tensor3D } from '@tensorflow/tfjs';
import type { FeatureMaps, FeatureThumbs } from '../../contract/inside.ts';
import { largestOf, smallestOf } from '../../contract/numbers.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { readBack } from '../read-back.ts';
import { layerNamed, outputOf } from './layer-output.ts';
import { asGrid, mappable, placesOf } from './methods/layer-maps.ts';
import { layersOf, withSubject, type SubjectImage, type SubjectRef } from './subject.ts';

export interface FeatureMapsArgs {
  subject: SubjectRef;
  image: SubjectImage;
  layer: string;
}

/** The maps cover the input of the network. Throws BadParameters with the reason if there are none. */
export const featureMaps = defineCall({
  run: ({
    subject: ref,
    image,
    layer: name,
  }: FeatureMapsArgs): Promise<{ header: Omit<FeatureMaps, 'covers'>; maps: Float32Array }> =>
    withSubject(ref, async (subject) => {
      const layer = layerNamed(layersOf(subject, [image.height, image.width]), name);
      const places = placesOf(layer);
      if (!places && layer.output.length > 1)
        throw new BadParameters(`The places of the layer ‘${name}’ are not a grid, so they cannot be drawn as maps.`);
      const maps = tf.tidy(() => {
        const output = outputOf(subject, subject.input([image]), layer);
        const grid = places ? asGrid(output, layer) : tf.reshape(output, [1, 1, 1, -1]);
        return tf.transpose(tf.squeeze(grid, [0]), [2, 0, 1]) as Tensor3D;
      });
      const [channels, rows, columns] = maps.shape;
      const values = await readBack(maps);
      const [min, max] = [smallestOf(values), largestOf(values)];
      if (!Number.isFinite(max - min))
        throw new BadParameters(
          `The layer ‘${name}’ has values that are not numbers: the weights are damaged, or the network overflows.`,
        );
      const notes = [
        places?.token && 'The class token has no place, so it is left out.',
        rows * columns === 1 && 'This layer has no places: each unit has one value for the whole image.',
        min === max && `All values are ${min}: the layer does not answer to this image.`,
      ].filter((note) => typeof note === 'string');
      return {
        header: { layer: name, rows, columns, channels, min, max, note: notes.join(' ') || null },
        maps: values,
      };
    }),
});

/** Longest side of a thumbnail. */
const thumbPx = 32;

/** One pass through the network. */
export const featureThumbs = defineCall({
  run: ({
    subject: ref,
    image,
  }: Omit<FeatureMapsArgs, 'layer'>): Promise<{ header: FeatureThumbs; maps: Uint8Array }> =>
    withSubject(ref, async (subject) => {
      const wanted = new Set(mappable(layersOf(subject, [image.height, image.width])).map(({ name }) => name));
      const small: { name: string; map: Tensor3D }[] = [];
      try {
        tf.tidy(() => {
          subject.look(subject.input([image]), (layer, run) => {
            const output = run();
            if (wanted.has(layer.name)) {
              const grid = asGrid(output, layer);
              const step = Math.ceil(Math.max(grid.shape[1], grid.shape[2]) / thumbPx);
              const sides = [grid.shape[1], grid.shape[2]].map((side) => Math.min(side, step)) as [number, number];
              const map = step > 1 ? tf.avgPool(grid, sides, sides, 'valid') : grid;
              small.push({ name: layer.name, map: tf.keep(tf.squeeze(map, [0]).clone() as Tensor3D) });
            }
            return output;
          });
        });
        const layers: FeatureThumbs['layers'][number][] = [];
        const maps: Uint8Array[] = [];
        for (const { name, map } of small) {
          const [rows, columns, channels] = map.shape;
          const values = await readBack(map);
          const unit = mostVaried(values, channels);
          layers.push({ name, unit, rows, columns });
          maps.push(bytesOf(values, unit, channels));
        }
        return { header: { layers }, maps: Buffer.concat(maps) };
      } finally {
        tf.dispose(small.map(({ map }) => map)); // those that were not read
      }
    }),
});

/** The channel with the largest variance over the places. `values`: [places, channels]. */
function mostVaried(values: Float32Array, channels: number): number {
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0, c = 0; i < values.length; i++, c = c + 1 === channels ? 0 : c + 1) {
    sums[c] += values[i];
    squares[c] += values[i] ** 2;
  }
  const places = values.length / channels;
  let best = 0;
  const variance = (c: number): number => squares[c] / places - (sums[c] / places) ** 2;
  for (let c = 1; c < channels; c++) if (variance(c) > variance(best)) best = c;
  return best;
}

/** One channel as bytes, from its least to its largest value; zeros if they are the same. */
function bytesOf(values: Float32Array, unit: number, channels: number): Uint8Array {
  const own = Float32Array.from({ length: values.length / channels }, (_, i) => values[i * channels + unit]);
  const [least, most] = [smallestOf(own), largestOf(own)];
  return Uint8Array.from(own, (value) => (most > least ? Math.round(((value - least) / (most - least)) * 255) : 0));
}
