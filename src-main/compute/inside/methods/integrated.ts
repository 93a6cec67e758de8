/**
 * Integrated gradients (Sundararajan et al. 2017): gradients averaged along the line from a baseline to the image, times the difference of both. They add up to the
 * difference of the outputs. Gauss–Legendre quadrature as in Captum, then more places where they are needed.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import { readBack, valuesOf } from '../../read-back.ts';
import { inputGradient } from '../gradients.ts';
import { imagesPerPass } from '../pass.ts';
import { defineMethod, type MethodContext, type MethodMap } from './method.ts';

/** Images per pass at most; as many places are added at a time. */
const mostAtOnce = 8;
/** With a larger gap, more places of the line are looked at, up to so many, and up to so many bytes of gradients. */
const [allowedGap, mostPlaces, mostBytes] = [0.01, 300, 2 ** 28];

const schema = z.object({
  steps: z
    .int()
    .min(2)
    .max(1000)
    .default(50)
    .describe('Steps along the line; more are added where the sum misses the difference.')
    .meta({ title: 'Steps' }),
});

export const integratedGradients = defineMethod({
  id: 'integrated-gradients',
  title: 'Integrated gradients',
  shows:
    'How much each pixel adds to the target, compared with an image of one colour; the values add up to the difference of the outputs.',
  cannotShow:
    'Pixels of the baseline’s colour get no value, even if they matter, and neighbours can have opposite signs.',
  isSigned: true,
  isSlow: true,
  schema,
  explain: ({ params, ...context }) => integrate({ ...context, params }, params.steps, allowedGap),
});

/** A place of the line from the baseline (0) to the image (1). */
interface Place {
  at: number;
  /** The objective there, and its slope along the line. */
  value: number;
  slope: number;
  gradient: Float32Array;
}

/**
 * The map with this many steps. With an allowed gap, places are added where the line bends most: between neighbours whose slopes do not explain the difference of
 * their values. Most networks rise steeply near the baseline and are flat later, so a few places there do more than twice as many steps.
 */
export async function integrate(
  { subject, layers, x, objective, onProgress, yieldToEventLoop }: MethodContext,
  steps: number,
  allowed = Infinity,
): Promise<MethodMap & { perColour: Float32Array; places: number }> {
  const [, rows, columns] = x.shape;
  const [baseline, change] = tf.tidy(() => {
    const baseline = tf.mul(tf.onesLike(x), tf.tensor4d([...subject.baseline], [1, 1, 1, 3])) as Tensor4D;
    return [baseline, tf.sub(x, baseline) as Tensor4D];
  });
  const atOnce = imagesPerPass(layers, mostAtOnce);
  const look = async (at: readonly number[], onDone: (done: number) => void): Promise<Place[]> => {
    const places: Place[] = [];
    for (let from = 0; from < at.length; from += atOnce) {
      const block = at.slice(from, from + atOnce);
      const [values, slopes, gradients] = tf.tidy(() => {
        const along = tf.add(baseline, tf.mul(tf.tensor4d(block, [block.length, 1, 1, 1]), change)) as Tensor4D;
        const { values, gradient } = inputGradient(objective, along);
        return [values, tf.sum(tf.mul(gradient, change), [1, 2, 3]), gradient];
      });
      const [value, slope, all] = [await readBack(values), await readBack(slopes), await readBack(gradients)];
      block.forEach((at, i) =>
        places.push({ at, value: value[i], slope: slope[i], gradient: all.slice(i * x.size, (i + 1) * x.size) }),
      );
      onDone(from + block.length);
      await yieldToEventLoop();
    }
    return places;
  };
  try {
    const { nodes, weights } = gaussLegendre(steps);
    const first = await look([0, ...nodes, 1], (done) => onProgress(done, steps + 2));
    const difference = first.at(-1)!.value - first[0].value;
    const gapOf = (sum: number): number => Math.abs(sum - difference) / Math.max(1e-9, Math.abs(difference));
    const most = Math.min(mostPlaces, Math.floor(mostBytes / (4 * x.size)));
    let found = { places: first, weights: [0, ...weights, 0] };
    let gap = gapOf(sumOf(found));
    while (gap > allowed && found.places.length + mostAtOnce <= most) {
      const more = await look(worstGaps(found.places), (done) =>
        onProgress(found.places.length + done, found.places.length + mostAtOnce),
      );
      const places = [...found.places, ...more].sort((a, b) => a.at - b.at);
      found = { places, weights: trapezoids(places) };
      gap = gapOf(sumOf(found));
    }
    const perColour = new Float32Array(x.size);
    found.places.forEach(({ gradient }, i) => {
      for (let k = 0; k < perColour.length; k++) perColour[k] += found.weights[i] * gradient[k];
    });
    const changes = await valuesOf(change);
    const values = new Float32Array(rows * columns);
    for (let k = 0; k < perColour.length; k++) {
      perColour[k] *= changes[k];
      values[Math.floor(k / 3)] += perColour[k];
    }
    return {
      rows,
      columns,
      values,
      value: first.at(-1)!.value,
      gap,
      perColour,
      places: found.places.length,
      note:
        Math.abs(difference) < 1e-7
          ? 'The target is the same for the image and for the baseline, so there is nothing to add up.'
          : undefined,
    };
  } finally {
    tf.dispose([baseline, change]);
  }
}

/** What the slopes add up to. */
const sumOf = ({ places, weights }: { places: readonly Place[]; weights: readonly number[] }): number =>
  places.reduce((sum, { slope }, i) => sum + weights[i] * slope, 0);

/** The weights of the trapezoidal rule. */
const trapezoids = (places: readonly Place[]): number[] =>
  places.map(({ at }, i) => ((places[i + 1]?.at ?? at) - (places[i - 1]?.at ?? at)) / 2);

/** The middles between the neighbours whose slopes fit least to the difference of their values, in order. */
function worstGaps(places: readonly Place[]): number[] {
  const between = places.slice(1).map((b, i) => {
    const a = places[i];
    return {
      middle: (a.at + b.at) / 2,
      error: Math.abs(((b.at - a.at) / 2) * (a.slope + b.slope) - (b.value - a.value)),
    };
  });
  return between
    .sort((a, b) => b.error - a.error)
    .slice(0, mostAtOnce)
    .map(({ middle }) => middle)
    .sort((a, b) => a - b);
}

/** Nodes and weights of Gauss–Legendre quadrature on 0..1, by Newton's method. */
export function gaussLegendre(count: number): { nodes: Float64Array; weights: Float64Array } {
  const [nodes, weights] = [new Float64Array(count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let derivative = 1;
    for (let round = 0; round < 100; round++) {
      let [before, polynomial] = [1, x];
      for (let k = 2; k <= count; k++)
        [before, polynomial] = [polynomial, ((2 * k - 1) * x * polynomial - (k - 1) * before) / k];
      derivative = (count * (x * polynomial - before)) / (x * x - 1);
      const step = polynomial / derivative;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    nodes[count - 1 - i] = (x + 1) / 2;
    weights[count - 1 - i] = 1 / ((1 - x * x) * derivative * derivative);
  }
  return { nodes, weights };
}
