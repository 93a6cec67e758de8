/** What methods that read a layer share: places of a layer as a grid, and the layers that have places. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../../backend.ts';
import { BadParameters } from '../../bad-parameters.ts';
import type { Layer } from '../../models/scope.ts';
import { readBack } from '../../read-back.ts';
import { layerGradient } from '../gradients.ts';
import type { OpenSubject } from '../subject.ts';
import type { MethodContext, MethodMap } from './method.ts';

/** The places of a layer: rows and columns; `token`: a class token is before them. Null if it has none. */
export function placesOf({ output }: Layer): { rows: number; columns: number; token: boolean } | null {
  if (output.length === 3) return { rows: output[0], columns: output[1], token: false };
  if (output.length !== 2) return null;
  const [all] = output;
  for (const token of [true, false]) {
    const side = Math.sqrt(all - Number(token));
    if (Number.isInteger(side)) return { rows: side, columns: side, token };
  }
  return null;
}

/** Tokens [B, T, D] as a grid [B, rows, columns, D] without the class token; grids stay. */
export function asGrid(t: Tensor, layer: Layer): Tensor4D {
  if (t.rank === 4) return t as Tensor4D;
  const { rows, columns, token } = placesOf(layer)!;
  const [count, , channels] = t.shape;
  const places = token ? tf.slice(t, [0, 1, 0], [count, rows * columns, channels]) : t;
  return tf.reshape(places, [count, rows, columns, channels]);
}

/** The layers that a map can be made of: with at least 2 × 2 places, outside of squeeze-and-excitation. */
export const mappable = (layers: readonly Layer[]): Layer[] =>
  layers.filter((layer) => {
    const places = placesOf(layer);
    return places && places.rows >= 2 && places.columns >= 2 && layer.kind !== 'embedding';
  });

export const noPlaces = (_subject: OpenSubject, layers: readonly Layer[]): string | null =>
  layers.length && mappable(layers).length
    ? null
    : layers.length
      ? 'No layer of this network has places: its layers are dense, so no layer can be mapped onto the image. Use saliency, integrated gradients or occlusion.'
      : 'This method has no network. Use occlusion or saliency.';

/** A map from the activation A and its gradient G at the chosen layer, both [1, rows, columns, channels]. `scale`: the largest sum over the channels of |A·G|. */
export async function mapOfLayer(
  { objective, x, layer }: MethodContext,
  map: (activation: Tensor4D, gradient: Tensor4D) => Tensor,
): Promise<MethodMap & { scale: number }> {
  const { rows, columns } = placesOf(layer!) ?? { rows: 0, columns: 0 };
  if (!rows) throw new BadParameters(`The layer ‘${layer!.name}’ has no places to map. Choose a layer before it.`);
  let sides = [rows, columns];
  const [values, value, scale] = tf.tidy(() => {
    const { activation, gradient, values } = layerGradient(objective, x, layer!);
    const [a, g] = [asGrid(activation, layer!), asGrid(gradient, layer!)];
    sides = a.shape.slice(1, 3);
    return [map(a, g), values, tf.max(tf.sum(tf.mul(tf.abs(a), tf.abs(g)), 3))];
  });
  return {
    rows: sides[0],
    columns: sides[1],
    values: await readBack(values),
    value: (await readBack(value))[0],
    scale: (await readBack(scale))[0],
  };
}
