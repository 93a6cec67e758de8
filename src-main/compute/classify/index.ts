/**
 * The registry of classifiers: each architecture with one parameter schema for each training mode. Importing this module loads no tensors. The modes:
 * - `scratch`: all weights start at random.
 * - `head`: logistic regression on stored embeddings (`head.ts`, `train-head.ts`). The rest of the network keeps its pretrained weights.
 * - `head-then-all`: first the head, then the whole network. Each stage further from the classes has a lower learning rate (`train/optimizers/by-layer.ts`). Batch
 *   normalisation uses its pretrained statistics (`models/freeze.ts`) unless the parameter `norms` says otherwise: batches of 16 images estimate them worse.
 * - `all`: the same, but the head starts at random.
 */
import { z } from 'zod';
import type { TrainMode } from '../../contract/classifier.ts';
import { augmentationParameters } from '../augment/recipe.ts';
import { modelOf, models, type ModelRecord } from '../models/index.ts';
import { pretrainedFor } from '../models/pretrained.ts';
import { headParameters, imageParameters, trainingParameters, transferParameters } from './parameters.ts';

export interface ClassifierRecord extends Pick<ModelRecord, 'id' | 'title' | 'summary'> {
  model: ModelRecord;
  /** For the mode `scratch`. */
  schema: z.ZodObject;
  /** The modes other than `scratch` exist only for architectures with bundled weights. */
  modes: { scratch: z.ZodObject } & Partial<Record<TrainMode, z.ZodObject>>;
}

export type SharedParameters = z.infer<
  z.ZodObject<typeof imageParameters & typeof trainingParameters & typeof augmentationParameters>
>;
/** The parameters of any mode; those that a mode does not have are missing. */
export type ClassifierParameters = SharedParameters &
  Partial<z.infer<z.ZodObject<typeof transferParameters & typeof headParameters>>> &
  Record<string, unknown>;

const { sizePx, ...image } = imageParameters;
type Fields = Record<string, z.ZodType>;

/** The same fields, with these defaults. */
function withUsual<S extends Record<string, z.ZodDefault<z.ZodType>>>(fields: S, usual: ModelRecord['usual'] = {}): S {
  const others = Object.entries(usual).map(
    ([name, value]) =>
      [
        name,
        fields[name]
          .unwrap()
          .default(value)
          .meta(fields[name].meta() ?? {}),
      ] as const,
  );
  return { ...fields, ...Object.fromEntries(others) };
}

const withCrop = (fields: Fields): z.ZodObject =>
  z.object(fields).refine((params) => Number(params.cropPx) <= Number(params.sizePx), {
    error: 'The crop is larger than the image.',
    path: ['cropPx'],
  });

/** A parameter with one possible value. */
const only = (value: string | number | boolean): z.ZodType => z.literal(value).default(value);

/** Fewer epochs and a lower learning rate than from scratch: fine-tuning keeps most of the pretrained weights. */
const gently = { epochs: 10, batch: 16, learningRate: 0.001, weightDecay: 0.02 };

function transferModes(model: ModelRecord): Partial<Record<TrainMode, z.ZodObject>> {
  const source = pretrainedFor(model.id);
  if (!source) return {};
  const fixed = Object.fromEntries(Object.entries(source.params).map(([name, value]) => [name, only(value as string)]));
  const { normalisation: _normalisation, ...frame } = image;
  const { initialisation: _initialisation, ...training } = trainingParameters;
  const square = sizePx
    .unwrap()
    .default(source.sizePx as 224)
    .describe(`Images are resized to a square of this size. The weights were trained at ${source.sizePx} px.`)
    .meta(sizePx.meta() ?? {});
  const all = withCrop({
    sizePx: square,
    ...model.schema.shape,
    ...fixed,
    ...withUsual({ ...frame, ...training, ...augmentationParameters }, { ...model.usual, ...gently }),
    ...transferParameters,
  });
  const head = z.object({
    sizePx: only(source.sizePx),
    fit: only('stretch'),
    cropPx: only(0),
    ...fixed,
    ...headParameters,
  });
  return { head, 'head-then-all': all, all };
}

export const classifiers: readonly ClassifierRecord[] = models.map((model) => {
  const schema = withCrop({
    sizePx,
    ...model.schema.shape,
    ...withUsual({ ...image, ...trainingParameters, ...augmentationParameters }, model.usual),
  });
  return {
    id: model.id,
    title: model.title,
    summary: model.summary,
    model,
    schema,
    modes: { scratch: schema, ...transferModes(model) },
  };
});

/** Undefined if no classifier has this id. */
export const classifierOf = (id: string): ClassifierRecord | undefined =>
  modelOf(id) ? classifiers.find((record) => record.id === id) : undefined;
