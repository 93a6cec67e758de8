/**
 * Activation maximisation: gradient ascent from noise to an image that drives a unit or a class (Erhan et al. 2009). What keeps the image readable: the spectrum
 * as parameters (`spectrum.ts`), jitter before each step (Mordvintsev et al. 2015), a small blur every few steps (Yosinski et al. 2015) and a penalty on total variation
 * (Mahendran & Vedaldi 2015). The same seed gives the same image.
 */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Maximised } from '../../contract/inside.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { random } from '../random.ts';
import { readBack } from '../read-back.ts';
import { startOptimizer } from '../train/optimizers/index.ts';
import { inputGradient } from './gradients.ts';
import { layerNamed } from './layer-output.ts';
import { asGrid, placesOf } from './methods/layer-maps.ts';
import { Spectrum } from './spectrum.ts';
import { layersOf, withSubject, type Objective, type OpenSubject, type SubjectRef } from './subject.ts';

export interface MaximiseArgs {
  subject: SubjectRef;
  goal: { layer: string; unit: number } | { class: string };
  steps: number;
  seed: number;
}

export interface MaximiseEvent {
  header: Maximised;
  image: Uint8Array; // [sizePx, sizePx, 3]
}

const learningRate = 0.1;
/** Of the side of the image. */
const jitter = 1 / 16;
const blurEvery = 8;
const blurPx = 0.25;
/** Of the total variation of a pixel, in units of the initial gradient of the goal. */
const variationWeight = 0.02;
const reportEvery = 4;
/** Of networks that take images of any size: more pixels take longer and show no more. */
const mostPx = 224;
/** Amplitudes of the noise to start from, until the unit answers. */
const starts = [0.01, 0.01, 0.03, 0.1, 0.3, 1];

/** Throws BadParameters with a reason, and Cancelled after a cancel. */
export const maximise = defineCall({
  run: (
    { subject: ref, goal, steps, seed }: MaximiseArgs,
    { signal, onEvent }: CallContext<MaximiseEvent>,
  ): Promise<MaximiseEvent> =>
    withSubject(ref, async (subject) => {
      const yieldToEventLoop = pace(signal);
      const [side] = subject.inputSides;
      const sizePx = subject.kind === 'detector' ? Math.min(side, mostPx) : side;
      const objective = objectiveOf(subject, goal, sizePx);
      const spectrum = new Spectrum(sizePx);
      const amplitudes = tf.tidy(() => tf.variable(tf.zeros([3 * sizePx ** 2])));
      const optimizer = startOptimizer('adam', {}, amplitudes.size, []);
      const shift = random('jitter', seed);
      /** The image as bytes, and the value of the goal for these bytes. */
      const resultAt = async (step: number): Promise<MaximiseEvent> => {
        const bytes = tf.tidy(() => tf.round(tf.mul(spectrum.image(amplitudes), 255)) as Tensor4D);
        const value = tf.tidy(() => objective(subject.fromColours(tf.div(bytes, 255))));
        const header = { step, steps, sizePx, value: (await readBack(value))[0] };
        return { header, image: Uint8Array.from(await readBack(bytes)) };
      };
      try {
        const unit = await begin(amplitudes, spectrum, { subject, objective, goal, seed });
        for (let step = 1; step <= steps; step++) {
          const [dx, dy] = [shift(), shift()].map((part) => Math.round((2 * part - 1) * jitter * sizePx));
          const gradient = tf.tidy(() =>
            tf.neg(
              gradientOf(amplitudes, (parameters) => {
                const image = spectrum.image(parameters);
                const value = objective(subject.fromColours(rolled(rolled(image, 1, dy), 2, dx)));
                return tf.sub(tf.div(tf.sum(value), unit), tf.mul(variationWeight, variation(image)));
              }),
            ),
          );
          optimizer.apply(amplitudes, gradient, learningRate);
          gradient.dispose();
          if (step % blurEvery === 0 && step < steps)
            tf.tidy(() => amplitudes.assign(spectrum.blurred(amplitudes, blurPx) as typeof amplitudes));
          if (step % reportEvery === 0 && step < steps) onEvent(await resultAt(step));
          await yieldToEventLoop();
        }
        return await resultAt(steps);
      } finally {
        optimizer.dispose();
        spectrum.dispose();
        amplitudes.dispose();
      }
    }),
});

/** The value of the goal, [B]: the logit of a class, or the mean of the unit over its places. */
function objectiveOf(subject: OpenSubject, goal: MaximiseArgs['goal'], sizePx: number): Objective {
  if ('class' in goal) {
    const index = subject.classes.indexOf(goal.class);
    if (index < 0)
      throw new BadParameters(
        subject.classes.length ? `There is no class ‘${goal.class}’.` : 'This network has no classes: choose a unit.',
      );
    return subject.objective({ of: 'class', index });
  }
  const { unit } = goal;
  const layer = layerNamed(layersOf(subject, [sizePx, sizePx]), goal.layer);
  const units = layer.output.at(-1)!;
  if (unit >= units) throw new BadParameters(`The layer ‘${layer.name}’ has the units 0 to ${units - 1}.`);
  return (x) => {
    let value: Tensor | undefined;
    subject.look(x, (own, run) => {
      const output = run();
      if (own.name === layer.name) {
        const grid = placesOf(layer) ? asGrid(output, layer) : tf.reshape(output, [x.shape[0], -1, 1, units]);
        value = tf.mean(tf.slice(grid, [0, 0, 0, unit], [...grid.shape.slice(0, 3), 1]), [1, 2, 3]);
      }
      return output;
    });
    if (!value) throw new BadParameters(`The layer ‘${layer.name}’ is not computed.`);
    return value as Tensor1D;
  };
}

/**
 * Sets the amplitudes to noise that the goal has a gradient for, and returns the scale of the goal: the gradient's norm per pixel there. Throws BadParameters if no noise drives
 * the unit: a ReLU that is zero has no gradient.
 */
async function begin(
  amplitudes: ReturnType<typeof tf.variable>,
  spectrum: Spectrum,
  {
    subject,
    objective,
    goal,
    seed,
  }: Pick<MaximiseArgs, 'goal' | 'seed'> & { subject: OpenSubject; objective: Objective },
): Promise<number> {
  for (const [attempt, deviation] of starts.entries()) {
    const noise = spectrum.start(['maximise', seed, attempt], deviation);
    tf.tidy(() => amplitudes.assign(tf.tensor1d(noise) as unknown as typeof amplitudes));
    const norm = tf.tidy(() => {
      const image = spectrum.image(amplitudes);
      return tf.norm(inputGradient((x) => objective(subject.fromColours(x)), image).gradient);
    });
    const [scale] = await readBack(norm);
    if (scale > 1e-12) return scale * spectrum.sizePx;
  }
  throw new BadParameters(
    'class' in goal
      ? `The output of ‘${goal.class}’ does not change with the image, so there is nothing to climb.`
      : `No noise drives unit ${goal.unit} of ‘${goal.layer}’, so there is nothing to climb: its output stays zero. It may be dead; look at the images that drive it most.`,
  );
}

const gradientOf = (amplitudes: Tensor, value: (parameters: Tensor) => Tensor): Tensor => tf.grad(value)(amplitudes);

/** Shifts an axis; what leaves on one side enters on the other. */
function rolled(x: Tensor4D, axis: 1 | 2, by: number): Tensor4D {
  const side = x.shape[axis];
  const cut = ((by % side) + side) % side;
  if (!cut) return x;
  const part = (from: number, size: number): Tensor4D => {
    const [begin, sizes] = [[0, 0, 0, 0], [...x.shape]];
    [begin[axis], sizes[axis]] = [from, size];
    return tf.slice(x, begin, sizes);
  };
  return tf.concat([part(side - cut, cut), part(0, side - cut)], axis);
}

/** The mean squared difference of neighbouring pixels. */
function variation(image: Tensor4D): Tensor {
  const difference = (axis: 1 | 2): Tensor => tf.mean(tf.square(tf.sub(image, rolled(image, axis, 1))));
  return tf.add(difference(1), difference(2));
}
