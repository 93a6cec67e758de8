/** The classifiers there are: each architecture with everything that its training asks for, in one schema. Importing this loads no tensors. */
import { z } from 'zod';
import { augmentationParameters } from '../augment/recipe.ts';
import { modelOf, models, type ModelRecord } from '../models/index.ts';
import { imageParameters, trainingParameters } from './parameters.ts';

export interface ClassifierRecord extends Pick<ModelRecord, 'id' | 'title' | 'summary'> {
  model: ModelRecord;
  schema: z.ZodObject;
}

const shared = { ...imageParameters, ...trainingParameters, ...augmentationParameters };
export type SharedParameters = z.infer<z.ZodObject<typeof shared>>;

const { sizePx, ...image } = imageParameters;

/** The same fields, with these defaults. */
function withUsual<S extends Record<string, z.ZodDefault<z.ZodType>>>(fields: S, usual: ModelRecord['usual'] = {}): S {
  const others = Object.entries(usual).map(([name, value]) => [name, fields[name].unwrap().default(value).meta(fields[name].meta() ?? {})] as const);
  return { ...fields, ...Object.fromEntries(others) };
}

export const classifiers: readonly ClassifierRecord[] = models.map((model) => ({
  id: model.id, title: model.title, summary: model.summary, model,
  schema: z.object({ sizePx, ...model.schema.shape, ...withUsual({ ...image, ...trainingParameters, ...augmentationParameters }, model.usual) }).refine((params) => Number(params.cropPx) <= Number(params.sizePx), { error: 'The crop is larger than the image.', path: ['cropPx'] }),
}));

export const classifierOf = (id: string): ClassifierRecord | undefined => (modelOf(id) ? classifiers.find((record) => record.id === id) : undefined);
