/**
 * Class activation maps: weighted sums of the channels of a layer (Grad-CAM, Selvaraju et al. 2017; Grad-CAM++, Chattopadhay et al. 2018; HiResCAM, Draelos & Carin
 * 2020; LayerCAM, Jiang et al. 2021). Negative sums are cut off. The formulas are those of pytorch-grad-cam.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { largestOf } from '../../../contract/numbers.ts';
import { tf } from '../../backend.ts';
import { aboveBackground, backgroundParameter } from './background.ts';
import { mapOfLayer, noPlaces } from './layer-maps.ts';
import { defineMethod, type Method, type MethodContext, type MethodMap } from './method.ts';

const schema = z.object({ background: backgroundParameter });

/**
 * Weights by mean gradients need a late layer, whose channels mean something in every place. Gradients of each place are right at earlier layers too, with finer places.
 */
export const coarsePlaces = 8;
const finePlaces = 14;

/** The sum over the channels before negative values are cut off, [1, rows, columns]. */
type Weigh = (activation: Tensor4D, gradient: Tensor4D) => Tensor4D;

const weighted = (activation: Tensor4D, weights: Tensor4D): Tensor4D =>
  tf.sum(tf.mul(activation, weights), 3, true) as Tensor4D;

/** Grad-CAM: the weight of a channel is its mean gradient. */
export const gradCamSum: Weigh = (a, g) => weighted(a, tf.mean(g, [1, 2], true));

/** Grad-CAM++: gradients weighted so that several objects count alike. */
const plusPlus: Weigh = (a, g) => {
  const squared = tf.square(g);
  const sums = tf.sum(a, [1, 2], true);
  const alpha = tf.div(squared, tf.add(tf.add(tf.mul(squared, 2), tf.mul(sums, tf.mul(squared, g))), 1e-6));
  const used = tf.where(tf.notEqual(g, 0), alpha, tf.zerosLike(alpha));
  return weighted(a, tf.sum(tf.mul(used, tf.relu(g)), [1, 2], true));
};

/** HiResCAM: each place has its own gradient. */
const hiRes: Weigh = (a, g) => weighted(a, g);

/** LayerCAM: the same with positive gradients only. */
const layerCam: Weigh = (a, g) => weighted(a, tf.relu(g));

async function cam(context: MethodContext<z.infer<typeof schema>>, weigh: Weigh): Promise<MethodMap> {
  const { scale, ...sums } = await mapOfLayer(context as MethodContext, weigh);
  const values = aboveBackground(
    sums.values.map((value) => Math.max(0, value)),
    context.params.background,
  );
  return { ...sums, values, note: emptyNote(sums.values, scale) };
}

/** The note of a map with values that are not numbers. */
export const notNumbers = 'Some values of the map are not numbers: the network overflows for this image.';

/** Sums below this fraction of their parts are rounding errors of float32. */
const rounding = 1e-6;

/** Why a map is empty. `scale`: the largest sum of absolute parts. */
export function emptyNote(sums: Float32Array, scale: number): string | undefined {
  if (!sums.every(Number.isFinite)) return notNumbers;
  if (scale === 0)
    return 'The map is empty: the target has no gradient at this layer, or no unit of the layer is active. Another layer may have one.';
  // As before a layer normalisation, whose output stays the same if its input grows: the gradient is at a right angle to the activations.
  if (sums.every((sum) => Math.abs(sum) <= rounding * scale))
    return 'The map is empty: at this layer the channels cancel out in every place. Choose another layer or method.';
  if (largestOf(sums) <= rounding * scale)
    return 'The map is empty: at this layer everything speaks against the target. Choose another layer, another target, or occlusion, which shows negative evidence.';
  return undefined;
}

const record = (
  id: string,
  title: string,
  shows: string,
  cannotShow: string,
  weigh: Weigh,
  wantedPlaces: number,
): Method =>
  defineMethod({
    id,
    title,
    shows,
    cannotShow,
    isSigned: false,
    wantedPlaces,
    schema,
    reason: noPlaces,
    explain: (context) => cam(context, weigh),
  });

export const gradCam = record(
  'grad-cam',
  'Grad-CAM',
  'Where the channels that raise the target are active, at the resolution of the layer.',
  'It averages gradients over the image, so it can mark places that the target does not use, and it shows no evidence against the target.',
  gradCamSum,
  coarsePlaces,
);
export const gradCamPlusPlus = record(
  'grad-cam++',
  'Grad-CAM++',
  'Like Grad-CAM, with weights that mark all of several objects of the class.',
  'Its weights are a heuristic: the map does not add up to the output.',
  plusPlus,
  coarsePlaces,
);
export const hiResCam = record(
  'hirescam',
  'HiResCAM',
  'Which places of the layer raise the target, each by its own gradient.',
  'It is exact only at the last layer with places; at earlier layers it is noisy.',
  hiRes,
  finePlaces,
);
export const layerCamMethod = record(
  'layercam',
  'LayerCAM',
  'Places with positive gradients and activity; it works at early layers, with fine detail.',
  'It ignores negative gradients, so places that only seem to help are marked too.',
  layerCam,
  finePlaces,
);
