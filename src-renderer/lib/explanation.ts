/** What the window says about explanations: questions as keys, targets in words, the scale of a map. */
import type { Target } from '../../src-main/contract/inside.ts';
import type { Sample } from '../../src-main/contract/types.ts';

/** A question about one image: which map is wanted. */
export interface Question {
  run: string;
  sample: Sample;
  method: string;
  /** null: chosen for the network. */
  layer: string | null;
  target: Target;
  parameters: Record<string, unknown>;
}

/** What a call of the engine takes. */
export const requestOf = ({ run, sample, method, layer, target, parameters }: Question) => ({
  run,
  sampleId: sample.id,
  method,
  layer,
  target,
  parameters,
});

/** Two questions with one key have the same answer. A mark on the image does not change it, except its class if its loss is explained. */
export const keyOf = ({ run, sample, method, layer, target, parameters }: Question): string =>
  JSON.stringify([
    run,
    sample.id,
    sample.sha256,
    method,
    layer,
    target,
    parameters,
    target.of === 'loss' ? sample.class : null,
  ]);

/** Maps with one key are drawn on one scale: those of a run by one method, of all images and classes. */
export const scaleKeyOf = ({ run, method, layer, target, parameters }: Question): string =>
  JSON.stringify([run, method, layer, target.of === 'auto' ? 'class' : target.of, parameters]);

/** A few extreme pixels must not make the others invisible. */
const shownShare = 0.995;

/** The top of the scale of a map: nearly all absolute values are below it. 0 for an empty map. */
export function topOf(values: Float32Array): number {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return sizes[Math.min(sizes.length - 1, Math.floor(shownShare * sizes.length))] || (sizes.at(-1) ?? 0);
}

/** As the option `--target` of the command line and in titles. */
export const targetText = (target: Target, isRanking: boolean): string =>
  ({
    auto: isRanking ? 'the usual target' : 'the predicted class',
    class: target.of === 'class' ? target.name : '',
    difference: target.of === 'difference' ? `${target.name}, not ${target.minus}` : '',
    loss: 'the loss of its class',
    error: 'the reconstruction error',
    score: 'the anomaly score',
  })[target.of];
