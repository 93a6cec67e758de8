/** A question about one image: the subject, the target, the method; and the map that answers it. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Explanation, Target } from '../../contract/inside.ts';
import { titleIn } from '../../contract/parameter-titles.ts';
import { problemsOf, problemsText } from '../../contract/problems.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import type { Layer } from '../models/scope.ts';
import { pace } from '../pace.ts';
import { readBack } from '../read-back.ts';
import { chooseLayer } from './choose-layer.ts';
import { methodOf, methods, type Method } from './methods/index.ts';
import { mappable } from './methods/layer-maps.ts';
import type { MethodMap } from './methods/method.ts';
import {
  layersOf,
  withSubject,
  type Goal,
  type Objective,
  type OpenSubject,
  type SubjectImage,
  type SubjectRef,
} from './subject.ts';

export interface ExplainArgs {
  subject: SubjectRef;
  image: SubjectImage;
  method: string;
  /** null: chosen for this network. */
  layer: string | null;
  target: Target;
  /** The class that the image has, if any. */
  label: string | null;
  /** Divides the logits of the predicted probabilities, as calibrated in training; 1 without it. */
  temperature?: number;
  params: Record<string, unknown>;
  seed: number;
}

export type Progress = { done: number; total: number };

/** One image and what is asked about it. */
export interface Question {
  subject: OpenSubject;
  layers: readonly Layer[];
  x: Tensor4D;
  method: Method;
  /** null: to be chosen. */
  layerName: string | null;
  goal: Goal;
  objective: Objective;
  /** The target in words. */
  title: string;
  predicted: Explanation['predicted'];
  /** Divides logits for probabilities. */
  temperature: number;
  params: Record<string, unknown>;
  seed: number;
  yieldToEventLoop(): Promise<void>;
}

/** Calls `work` with the question. Throws BadParameters with a reason if it cannot be asked. */
export async function withQuestion<Result>(
  { subject: ref, image, method: id, layer, target, label, temperature = 1, params, seed }: ExplainArgs,
  signal: AbortSignal,
  work: (question: Question) => Promise<Result>,
): Promise<Result> {
  const method = methodOf(id);
  if (!method)
    throw new BadParameters(`There is no method ‘${id}’. Methods: ${methods.map((known) => known.id).join(', ')}.`);
  const checked = method.schema.safeParse(params);
  if (!checked.success) throw new BadParameters(problemsText(problemsOf(checked.error), titleIn(method.schema)));
  return withSubject(ref, async (subject) => {
    const layers = layersOf(subject, [image.height, image.width]);
    const reason = method.reason(subject, layers);
    if (reason) throw new BadParameters(`${method.title}: ${reason}`);
    const x = subject.input([image]);
    try {
      const predicted = await predictionOf(subject, x, temperature);
      const { goal, title } = goalOf(subject, target, label, predicted);
      return await work({
        subject,
        layers,
        x,
        method,
        layerName: layer,
        goal,
        objective: subject.objective(goal),
        title,
        predicted: predicted
          .slice(0, 5)
          .map(({ index, probability }) => ({ name: subject.classes[index], probability })),
        temperature,
        params: checked.data,
        seed,
        yieldToEventLoop: pace(signal),
      });
    } finally {
      x.dispose();
    }
  });
}

/** The map that a question asks for. */
export async function mapFor(
  question: Question,
  onProgress: (progress: Progress) => void,
): Promise<{ made: MethodMap; layer: Layer | null }> {
  const { method, layers, layerName } = question;
  let layer: Layer | null = null;
  if (method.wantedPlaces !== undefined) {
    const { reads } = method;
    const readable = reads ? layers.filter(({ kind }) => kind === reads) : layers;
    layer =
      layerName === null
        ? chooseLayer(question.subject, readable, method.wantedPlaces)
        : namedLayer(layers, readable, layerName, method);
    if (!layer) throw new BadParameters('No layer of this network can be mapped onto the image.');
  }
  const made = await method.explain({
    ...question,
    layer,
    onProgress: (done, total) => onProgress({ done, total }),
  });
  return { made, layer };
}

function namedLayer(layers: readonly Layer[], readable: readonly Layer[], name: string, { title }: Method): Layer {
  const isNamed = (layer: Layer): boolean => layer.name === name;
  const found = readable.find(isNamed);
  if (found) return found;
  const names = mappable(readable)
    .map((layer) => layer.name)
    .join(', ');
  throw new BadParameters(
    layers.some(isNamed)
      ? `${title} does not read layers such as ‘${name}’. It reads: ${names}.`
      : `There is no layer ‘${name}’. Layers with places: ${names}.`,
  );
}

/** Classes by their probability, the highest first; empty for subjects without classes. */
async function predictionOf(
  subject: OpenSubject,
  x: Tensor4D,
  temperature: number,
): Promise<{ index: number; probability: number }[]> {
  if (!subject.classes.length) return [];
  const probabilities = await readBack(tf.tidy(() => tf.softmax(tf.div(subject.run(x), temperature) as Tensor2D)));
  return Array.from(probabilities, (probability, index) => ({ index, probability })).sort(
    (a, b) => b.probability - a.probability || a.index - b.index,
  );
}

function goalOf(
  { kind, classes, targets }: OpenSubject,
  target: Target,
  label: string | null,
  predicted: readonly { index: number }[],
): { goal: Goal; title: string } {
  const indexOf = (name: string): number => {
    const index = classes.indexOf(name);
    if (index < 0)
      throw new BadParameters(
        classes.length > 20
          ? `There is no class ‘${name}’.`
          : `There is no class ‘${name}’. Classes: ${classes.join(', ')}.`,
      );
    return index;
  };
  if (!targets.includes(target.of))
    throw new BadParameters(
      classes.length
        ? `A classifier has no target ‘${target.of}’: choose a class${kind === 'classifier' ? ' or its loss' : ''}.`
        : `This model has no target ‘${target.of}’: choose ${targets.filter((of) => of !== 'auto').join(' or ')}.`,
    );
  switch (target.of) {
    case 'class':
      return { goal: { of: 'class', index: indexOf(target.name) }, title: target.name };
    case 'difference':
      return {
        goal: { of: 'difference', index: indexOf(target.name), minus: indexOf(target.minus) },
        title: `${target.name}, not ${target.minus}`,
      };
    case 'loss':
      if (label === null)
        throw new BadParameters(
          'The image has no class, so it has no loss. Give it a class, or choose one as the target.',
        );
      return { goal: { of: 'loss', index: indexOf(label) }, title: `loss of ${label}` };
    case 'error':
      return { goal: { of: 'error' }, title: 'reconstruction error' };
    case 'score':
      return { goal: { of: 'score' }, title: 'anomaly score' };
    case 'auto': {
      if (classes.length) {
        const [{ index }] = predicted;
        return { goal: { of: 'class', index }, title: classes[index] };
      }
      return kind === 'autoencoder'
        ? { goal: { of: 'error' }, title: 'reconstruction error' }
        : { goal: { of: 'score' }, title: 'anomaly score' };
    }
  }
}
