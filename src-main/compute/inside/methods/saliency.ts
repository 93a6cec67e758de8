/** Gradients of the target with respect to the pixels: plain (Simonyan et al. 2013), smoothed (SmoothGrad, Smilkov et al. 2017), guided (Guided Grad-CAM). */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { fillNormal, random } from '../../random.ts';
import { readBack } from '../../read-back.ts';
import { inputGradient } from '../gradients.ts';
import { imagesPerPass } from '../pass.ts';
import { aboveBackground, backgroundParameter } from './background.ts';
import { coarsePlaces, emptyNote, gradCamSum, notNumbers } from './cam.ts';
import { asGrid, mapOfLayer, noPlaces } from './layer-maps.ts';
import { defineMethod, type MethodContext, type MethodMap } from './method.ts';

/** A map from a gradient of the image, [1, height, width, 3]. */
async function mapOfPixels(
  x: Tensor4D,
  make: () => { map: Tensor; value: Tensor },
): Promise<MethodMap & { isFlat: boolean }> {
  const [, rows, columns] = x.shape;
  const { map, value } = tf.tidy(make);
  const values = await readBack(map);
  return {
    rows,
    columns,
    values,
    value: (await readBack(value))[0],
    isFlat: values.every((v) => v === 0),
  };
}

const flat =
  'The map is empty: the target does not change with any pixel. A loss is flat where the network is sure: choose the class itself.';

const withNote = (
  { isFlat, ...map }: MethodMap & { isFlat: boolean },
  background: 'subtract' | 'keep' = 'keep',
): MethodMap =>
  map.values.every(Number.isFinite)
    ? isFlat
      ? { ...map, note: flat }
      : { ...map, values: aboveBackground(map.values, background) }
    : { ...map, note: notNumbers };

/** The largest absolute gradient over the colours of a pixel. */
const strength = (gradient: Tensor4D): Tensor => tf.max(tf.abs(gradient), 3);

export const saliency = defineMethod({
  id: 'saliency',
  title: 'Gradient saliency',
  shows: 'How strongly the target reacts to a small change of each pixel.',
  cannotShow: 'It says nothing about large changes, and it is noisy: a high value is not evidence for the target.',
  isSigned: false,
  schema: z.object({}),
  explain: async ({ objective, x }) =>
    withNote(
      await mapOfPixels(x, () => {
        const { gradient, values } = inputGradient(objective, x);
        return { map: strength(gradient), value: values };
      }),
    ),
});

const smoothSchema = z.object({
  samples: z.int().min(1).max(500).default(40).describe('Noisy copies of the image.').meta({ title: 'Copies' }),
  noise: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('Deviation of the noise, as a fraction of the range of the image’s values.')
    .meta({ title: 'Noise', step: 0.05 }),
  square: z
    .boolean()
    .default(true)
    .describe('Average squared gradients, which stand out more clearly (SmoothGrad², Hooker et al. 2019).')
    .meta({ title: 'Squared' }),
  background: backgroundParameter,
});

/** Images per pass at most. */
const mostAtOnce = 5;

/** `noiseOf`: the noise of a copy, like x; for tests with the noise of another program. */
export async function smoothGradients(
  {
    objective,
    layers,
    x,
    yieldToEventLoop,
    onProgress,
  }: Pick<MethodContext, 'objective' | 'layers' | 'x' | 'yieldToEventLoop' | 'onProgress'>,
  samples: number,
  noiseOf: (copy: number) => Float32Array,
  isSquare: boolean,
): Promise<Float32Array> {
  const [, height, width] = x.shape;
  const atOnce = imagesPerPass(layers, mostAtOnce);
  const sum = new Float32Array(x.size);
  for (let from = 0; from < samples; from += atOnce) {
    const count = Math.min(atOnce, samples - from);
    const noise = new Float32Array(count * x.size);
    for (let i = 0; i < count; i++) noise.set(noiseOf(from + i), i * x.size);
    const part = await readBack(
      tf.tidy(() => {
        const noisy = tf.add(x, tf.tensor4d(noise, [count, height, width, 3])) as Tensor4D;
        const { gradient } = inputGradient(objective, noisy);
        return tf.sum(isSquare ? tf.square(gradient) : gradient, 0);
      }),
    );
    for (let i = 0; i < sum.length; i++) sum[i] += part[i] / samples;
    onProgress(from + count, samples);
    await yieldToEventLoop();
  }
  return sum;
}

export const smoothGrad = defineMethod({
  id: 'smoothgrad',
  title: 'SmoothGrad',
  shows: 'Gradient saliency, averaged over noisy copies of the image: the noise of a single gradient cancels out.',
  cannotShow: 'It shows sensitivity and not evidence; the amount of noise changes the map.',
  isSigned: false,
  isSlow: true,
  schema: smoothSchema,
  async explain({ params: { samples, noise, square, background }, seed, ...context }) {
    const { x, objective } = context;
    const [low, high] = tf.tidy(() => [tf.min(x).dataSync()[0], tf.max(x).dataSync()[0]]);
    const gradients = await smoothGradients(
      context as MethodContext,
      samples,
      (copy) =>
        fillNormal(new Float32Array(x.size), random('smoothgrad', seed, copy), noise * Math.max(1e-6, high - low)),
      square,
    );
    return withNote(
      await mapOfPixels(x, () => {
        const gradient = tf.tensor4d(gradients, x.shape);
        return { map: square ? tf.sum(gradient, 3) : strength(gradient), value: objective(x) };
      }),
      background,
    );
  },
});

export const guidedGradCam = defineMethod({
  id: 'guided-grad-cam',
  title: 'Guided Grad-CAM',
  shows: 'Fine structure inside the places that Grad-CAM marks.',
  cannotShow:
    'Guided backpropagation shows edges almost independently of the weights (Adebayo et al. 2018): trust the places, not the lines.',
  isSigned: true,
  wantedPlaces: coarsePlaces,
  schema: z.object({}),
  reason: (subject, layers) =>
    noPlaces(subject, layers) ??
    (layers.some(({ activation }) => activation === 'relu' || activation === 'relu6')
      ? null
      : 'This network has no ReLU, so gradients cannot be guided. Use Grad-CAM or integrated gradients.'),
  async explain(context) {
    const { x, objective, layer } = context;
    const [, rows, columns] = x.shape;
    const { scale, ...sums } = await mapOfLayer(context as MethodContext, gradCamSum);
    const values = await readBack(
      tf.tidy(() => {
        const cam = tf.relu(tf.tensor4d(sums.values, [1, sums.rows, sums.columns, 1]));
        const { gradient } = inputGradient(objective, x, { isGuided: true });
        // Half-pixel centres, as `align_corners=False` of PyTorch.
        const large = tf.image.resizeBilinear(asGrid(cam, layer!), [rows, columns], false, true);
        return tf.sum(tf.mul(gradient, large), 3);
      }),
    );
    return { rows, columns, values, value: sums.value, note: emptyNote(sums.values, scale) };
  },
});
