/** The subjects of a workspace: the networks that can be looked into, and the images as they take them. */
import { join } from 'node:path';
import { scorerOf } from '../compute/anomaly/index.ts';
import type { ClassifierParameters } from '../compute/classify/index.ts';
import { networkSide } from '../compute/classify/transform.ts';
import type { SubjectImage, SubjectRef } from '../compute/inside/subject.ts';
import { pretrained, pretrainedOf, usual } from '../compute/models/pretrained.ts';
import { trainingFolder } from '../compute/run-files.ts';
import { centreCrop } from '../compute/train/examples.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Subject } from '../contract/inside.ts';
import type { Run, RunSummary, Sample } from '../contract/types.ts';
import { issueOf } from '../image/issue.ts';
import { makeRectangle, makeRow, type Fit } from '../image/pixels.ts';
import { withImage } from '../image/scanned.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import { sidesOf } from './patches.ts';

/** How an image becomes the input of a subject: a square, or a rectangle in the aspect ratio of the image. */
export type SubjectFrame =
  { shape: 'square'; sizePx: number; fit: Fit; cropPx: number } | { shape: 'rectangle'; longestPx: number };

export interface ResolvedSubject extends Subject {
  ref: SubjectRef;
  frame: SubjectFrame;
  /** Null for bundled weights. */
  run: Run | null;
}

const isInside = ({ kind, state, archived }: RunSummary): boolean =>
  (kind === 'train' || kind === 'rank') && state === 'done' && !archived;

/** Runs of methods that this Winnow does not have are left out. */
export function subjectsOf(context: JobContext): Subject[] {
  const runs = context.runs.list().filter((run) => isInside(run) && (run.kind === 'train' || scorerOf(run.method)));
  return [...runs, ...pretrained].map(({ id }) => withoutFiles(resolveSubject(context, id)));
}

const withoutFiles = ({ id, title, kind, classes, folds, hasCode }: ResolvedSubject): Subject => ({
  id,
  title,
  kind,
  classes,
  folds,
  hasCode,
});

/** `id`: of a finished run, or of bundled weights. Throws WinnowError `no-run`. */
export function resolveSubject(context: JobContext, id: string): ResolvedSubject {
  const source = pretrainedOf(id);
  if (source)
    return {
      id,
      title: source.title,
      kind: 'weights',
      classes: [],
      folds: 1,
      hasCode: false,
      ref: { kind: 'weights', id },
      frame: square(source.sizePx),
      run: null,
    };
  const run = context.runs.get(id);
  if ((run.kind !== 'train' && run.kind !== 'rank') || run.state !== 'done')
    throw new WinnowError('no-run', `${id} has no finished model to look into.`);
  const folder = runFolder(context.workspaceFolder, id);
  if (run.kind === 'train') {
    const { sizePx, cropPx, fit } = run.parameters as ClassifierParameters;
    const folds = Math.max(1, run.classification?.folds ?? 0);
    return {
      id,
      title: id,
      kind: 'classifier',
      classes: run.classification?.classes ?? [],
      folds,
      hasCode: false,
      ref: { kind: 'classifier', runFolder: trainingFolder(folder, folds, 0) },
      frame: { shape: 'square', sizePx, fit, cropPx: networkSide({ sizePx, cropPx }) },
      run,
    };
  }
  const scorer = scorerOf(run.method);
  if (!scorer) throw new WinnowError('no-run', `${id} was made by a method that this Winnow does not have.`);
  const sizePx = scorer.sizePx(run.parameters) ?? usual.sizePx;
  return {
    id,
    title: id,
    kind: scorer.hasNetwork ? 'autoencoder' : 'detector',
    classes: [],
    folds: 1,
    hasCode: scorer.hasNetwork ?? false,
    ref: { kind: 'ranking', runFolder: folder },
    frame: ['patches', 'features'].includes(scorer.inputs) ? { shape: 'rectangle', longestPx: sizePx } : square(sizePx),
    run,
  };
}

const square = (sizePx: number): SubjectFrame => ({ shape: 'square', sizePx, fit: 'stretch', cropPx: sizePx });

/** The image as the subject takes it, cropped. Throws WinnowError `no-samples` if it can no longer be read. */
export async function readSubjectImage(
  context: JobContext,
  frame: SubjectFrame,
  sample: Sample,
): Promise<SubjectImage> {
  try {
    return await withImage(context.folder, sample, async (image) => {
      if (frame.shape === 'rectangle') {
        const [height, width] = sidesOf(image.height, image.width, frame.longestPx);
        return { bytes: await makeRectangle(image, width, height), height, width };
      }
      const { sizePx, cropPx, fit } = frame;
      const row = await makeRow(image, sizePx, fit);
      return { bytes: centreCrop(row, 1, sizePx, cropPx), height: cropPx, width: cropPx };
    });
  } catch (error) {
    throw new WinnowError('no-samples', `${sample.path}: ${issueOf(sample.path, error).issue.message}`);
  }
}

/** The sample of an id. Throws WinnowError. */
export function sampleOf(context: JobContext, sampleId: number): Sample {
  const sample = context.table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  return sample;
}

/** The folder for what is known about a subject: the run's, or one of its own for bundled weights. */
export const subjectFolder = ({ workspaceFolder }: JobContext, id: string): string =>
  pretrainedOf(id) ? join(workspaceFolder, 'inside', id) : runFolder(workspaceFolder, id);
