/** What a search trains in each trial, seen alike for classifiers and scorers: its schema, its parameters, the objectives that the folder allows. */
import type { z } from 'zod';
import { WinnowError } from '../../contract/errors.ts';
import type { Objective } from '../../contract/search.ts';
import type { SearchSubject } from '../../contract/search-schemas.ts';
import type { Report } from '../../workspace/report.ts';
import { checkRank, checkTrain } from '../../workspace/check-request.ts';
import type { JobContext } from '../context.ts';
import { prepareImages, withSize } from '../scorer-images.ts';
import { positionsOf, prepareTraining } from '../training-data.ts';
import { objectives, type ObjectiveRecord } from './objectives.ts';
import { knownImages, rankData } from './rank-trial.ts';
import { trainRequestOf } from './train-trial.ts';

export interface SubjectRecord {
  /** The model or the scorer. */
  method: string;
  title: string;
  schema: z.ZodType;
  /** The parameters of the request with all defaults. */
  fixed: Record<string, unknown>;
  /** Parameters that change what the objective measures: they cannot be searched. */
  changesMeasure(objective: string): readonly string[];
}

/** Throws WinnowError `bad-request`. */
export function subjectRecord(subject: SearchSubject): SubjectRecord {
  if (subject.kind === 'train') {
    const { record, parameters } = checkTrain(subject);
    if (subject.division.folds)
      throw new WinnowError(
        'bad-request',
        'A trial trains once. For cross-validation repeat the best trials over folds.',
      );
    return {
      method: record.id,
      title: record.title,
      schema: record.modes[subject.mode] as z.ZodType,
      fixed: parameters,
      changesMeasure: () => [],
    };
  }
  const { record, parameters } = checkRank(subject);
  return {
    method: record.id,
    title: record.title,
    schema: record.schema,
    fixed: parameters,
    // The loss of repairing depends on the noise and the size of the images, and on which images are held out.
    changesMeasure: (objective) =>
      objective === 'validation-loss' ? ['sizePx', 'noise', 'shift', 'flip', 'validation'] : [],
  };
}

/** The parameters of a trial, with all defaults. Throws WinnowError if they do not fit together. */
export const checkParameters = (
  subject: SearchSubject,
  parameters: Record<string, unknown>,
): Record<string, unknown> =>
  subject.kind === 'train'
    ? checkTrain({ ...subject, parameters }).parameters
    : checkRank({ ...subject, parameters }).parameters;

/** The objectives that this subject has in this folder; the first is the default. Empty if nothing can be judged. */
export function objectivesFor(context: Pick<JobContext, 'table'>, subject: SearchSubject): ObjectiveRecord[] {
  const own = objectives.filter(({ kind }) => kind === subject.kind);
  if (subject.kind === 'train') return own;
  const { record } = checkRank(subject);
  const { normal, anomalous } = knownImages(rankData(context, subject, null));
  return own.filter(({ id }) =>
    id === 'auroc'
      ? normal.length > 1 && anomalous.length > 1
      : id === 'validation-loss'
        ? 'validation' in record.schema.shape && 'epochs' in record.schema.shape
        : true,
  );
}

/** Only the public part. */
export const plainObjective = ({ id, title, summary, direction }: ObjectiveRecord): Objective => ({
  id,
  title,
  summary,
  direction,
});

export interface SubjectData {
  dataHash: string;
  /** Images to train on. */
  trained: number;
}

/** Prepares the images with the fixed parameters, so that trials find them; and checks that the objective can be judged. Throws WinnowError. */
export async function prepareData(
  context: JobContext,
  subject: SearchSubject,
  fixed: Record<string, unknown>,
  { seed, objective }: { seed: number; objective: string },
  report: Report,
): Promise<SubjectData> {
  if (subject.kind === 'train') {
    using data = await prepareTraining(
      context,
      trainRequestOf(subject, { parameters: fixed, seed, fold: null }),
      report,
    );
    const [splits] = data.divided.trainings;
    if (!positionsOf(data.samples, splits, 'val').length)
      throw new WinnowError(
        'bad-request',
        'There are no validation images, so trials cannot be judged. Choose a split with validation images.',
      );
    return { dataHash: data.dataHash, trained: positionsOf(data.samples, splits, 'train').length };
  }
  const { record } = checkRank(subject);
  const { images, chosen, dataHash } = rankData(context, subject, objective);
  using _prepared = await prepareImages(context, record, withSize(record, fixed, images.length), images, report);
  return { dataHash, trained: chosen.size };
}
