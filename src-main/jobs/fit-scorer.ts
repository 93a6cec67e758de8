/** Fits a scorer to the chosen images of a folder and scores all of them, for a ranking and for a trial of a search. */
import type { FitEvent, FitResult } from '../compute/anomaly/fit.ts';
import type { Scorer } from '../compute/anomaly/index.ts';
import type { CallOptions, Compute } from '../compute/child.ts';
import { holdOutOrder } from '../compute/train/batches.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Sample } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import { prepareImages, preparePlanted } from './scorer-images.ts';
import type { JobContext } from './context.ts';

export interface FitRequest {
  scorer: Scorer;
  /** Checked, with a size in place of 0 (`withSize`). */
  parameters: Record<string, unknown>;
  seed: number;
  images: readonly Sample[];
  /** Ids of the images to train on. */
  chosen: ReadonlySet<number>;
  /** A person says that these are normal. */
  areNormal: boolean;
  /** Judge the score by planted defects. */
  isJudged: boolean;
  runFolder: string;
  resume: boolean;
}

export interface FittedScorer {
  result: FitResult;
  /** The readable images; positions in `result` refer to this order. */
  samples: readonly Sample[];
  /** Positions of those that were trained on. */
  train: Int32Array;
}

/** `compute`: the process that fits. Throws WinnowError and ComputeError. */
export async function fitScorer(
  context: JobContext,
  compute: Compute,
  { scorer, parameters, seed, images, chosen, areNormal, isJudged, runFolder, resume }: FitRequest,
  report: Report,
  options: CallOptions<FitEvent>,
): Promise<FittedScorer> {
  using prepared = await prepareImages(context, scorer, parameters, images, report);
  const { samples, set } = prepared;
  // The choice stays, whatever can no longer be read.
  const train = Int32Array.from(samples.keys()).filter((position) => chosen.has(samples[position].id));
  if (!train.length)
    throw new WinnowError('no-samples', 'None of the images to train on can be read any more. Train on others.');
  const sound = isJudged ? Array.from(plantedPositions(train, seed), (position) => samples[position]) : [];
  using planted = await preparePlanted(context, scorer, parameters, sound, seed, report);
  const positionOf = new Map(samples.map(({ id }, i) => [id, i]));
  const of = Int32Array.from(planted.samples, ({ id }) => positionOf.get(id) as number);
  report.stage('Starting training', 0);
  const result = await compute.call(
    'fit',
    {
      method: scorer.id,
      params: parameters,
      seed,
      runFolder,
      images: set,
      train,
      areNormal,
      ...(isJudged && { planted: { images: planted.set, of } }),
      resume,
    },
    options,
  );
  return { result, samples, train };
}

/** With so many planted defects a score is judged to about ± .05. */
const mostPlanted = 40;

/** The training images that get a planted defect. Scorers that hold images out of the training hold these out first. */
export const plantedPositions = (train: Int32Array, seed: number): Int32Array =>
  holdOutOrder(train, seed).slice(0, mostPlanted);
