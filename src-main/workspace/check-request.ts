/** Validates a request to train or to rank against the schema of its method, before any work starts. */
import type { z } from 'zod';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import { classifierOf, classifiers, type ClassifierParameters } from '../compute/classify/index.ts';
import { pretrained } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import { titleIn } from '../contract/parameter-titles.ts';
import { problemsOf, problemsText } from '../contract/problems.ts';
import type { RankRequest, TrainRequest } from '../contract/schemas.ts';

/** Throws WinnowError `bad-request`. */
export function checkTrain({ model, mode, parameters }: Pick<TrainRequest, 'model' | 'mode' | 'parameters'>) {
  const record = classifierOf(model);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no model ‘${model}’. Available: ${classifiers.map(({ id }) => id).join(', ')}.`,
    );
  const schema = record.modes[mode];
  if (!schema)
    throw new WinnowError(
      'bad-request',
      `Mode ‘${mode}’ needs pretrained weights, and there are none for ${record.title}. Available for: ${pretrained.map((source) => source.model).join(', ')}.`,
    );
  const checked = schema.safeParse(parameters);
  if (!checked.success) throw refused(record.title, schema, checked.error);
  return { record, parameters: checked.data as ClassifierParameters };
}

/** Throws WinnowError `bad-request`. */
export function checkRank(request: Pick<RankRequest, 'method' | 'parameters'>) {
  const record = scorerOf(request.method);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${request.method}’. Available: ${scorers.map(({ id }) => id).join(', ')}.`,
    );
  const parameters = record.schema.safeParse(request.parameters);
  if (!parameters.success) throw refused(record.title, record.schema, parameters.error);
  return { record, parameters: parameters.data as Record<string, unknown> };
}

const refused = (title: string, schema: z.ZodType, error: z.ZodError) =>
  new WinnowError('bad-request', `${title}: ${problemsText(problemsOf(error), titleIn(schema))}`);
