/** One trial of a scorer: fits it as `rank` does, and judges its scores. */
import type { FitEvent } from '../../compute/anomaly/fit.ts';
import { scorerOf, type Scorer } from '../../compute/anomaly/index.ts';
import type { Compute } from '../../compute/child.ts';
import { aurocOf } from '../../compute/measure/auroc.ts';
import { WinnowError } from '../../contract/errors.ts';
import { withoutMasks } from '../../contract/folder-truth.ts';
import { smallestOf } from '../../contract/numbers.ts';
import type { SearchSubject } from '../../contract/search-schemas.ts';
import type { Epoch, Sample } from '../../contract/types.ts';
import { truthOf } from '../../workspace/truth.ts';
import type { JobContext } from '../context.ts';
import { fitScorer, type FittedScorer } from '../fit-scorer.ts';
import { chooseTraining, fingerprintOf } from '../rank.ts';
import { withSize } from '../scorer-images.ts';
import { curveOf, endEarly } from './early.ts';
import type { TrialOptions, TrialResult, TrialTask } from './executor.ts';
import { objectiveOf } from './objectives.ts';
import { requireSameData } from './same-data.ts';
import { silent } from './silent.ts';

export type RankSubject = Extract<SearchSubject, { kind: 'rank' }>;

/** The images of a ranking, those to train on, and a hash of both, and of the truth if it judges. Throws WinnowError `no-samples`. */
export function rankData({ table }: Pick<JobContext, 'table'>, { trainOn }: RankSubject, objective: string | null) {
  const images = withoutMasks(table.samples());
  if (!images.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  const { positions, glob } = chooseTraining(table, images, trainOn);
  const chosen = new Set(positions.map((position) => images[position].id));
  const { verdicts } = truthOf(images, null, new Map());
  const truth = objective === 'auroc' ? images.map(({ id }) => String(verdicts.get(id)?.isAnomalous ?? '')).join() : '';
  const dataHash = fingerprintOf(truth, {}, 0, images, Int32Array.from(positions));
  return { images, glob, chosen, dataHash };
}

/** How many images are known to be normal and anomalous, without those to train on. */
export function knownImages({ images, chosen }: { images: readonly Sample[]; chosen: ReadonlySet<number> }) {
  const { verdicts } = truthOf(images, null, new Map());
  const judged = images.filter(({ id }) => verdicts.has(id) && !chosen.has(id));
  const anomalous = judged.filter(({ id }) => verdicts.get(id)!.isAnomalous);
  const normal = judged.filter(({ id }) => !verdicts.get(id)!.isAnomalous);
  return { normal, anomalous };
}

export async function rankTrial(
  context: JobContext,
  compute: Compute,
  task: TrialTask & { subject: RankSubject },
  folder: string,
  { signal, stop, onEpoch }: TrialOptions,
): Promise<TrialResult> {
  const { subject, seed, objective } = task;
  const scorer = scorerOf(subject.method) as Scorer;
  const { images, glob, chosen, dataHash } = rankData(context, subject, objective);
  requireSameData(dataHash, task.dataHash);
  let history: Epoch[] = [];
  const onEvent = (event: FitEvent): void => {
    if ('history' in event) return void (history = [...event.history]);
    if (event.stage !== 'train' || !('step' in event) || event.step < event.steps) return;
    const { epoch, loss, valLoss = null, seconds, epochs } = event;
    history = history.slice(0, epoch - 1).concat({ epoch, loss, valLoss, seconds });
    onEpoch(curveOf(history, objectiveOf('rank', objective)!), epochs);
  };
  const fitted = await endEarly(
    fitScorer(
      context,
      compute,
      {
        scorer,
        parameters: withSize(scorer, task.parameters, images.length),
        seed,
        images,
        chosen,
        areNormal: glob !== null,
        isJudged: true,
        runFolder: folder,
        resume: task.resume,
      },
      silent(signal),
      { signal: AbortSignal.any([signal, stop]), onEvent },
    ),
    { signal, stop },
  );
  const epochs = history.length || null;
  if (!fitted) {
    const losses = history.flatMap(({ valLoss }) => valLoss ?? []);
    return objective === 'validation-loss' && losses.length
      ? { value: smallestOf(losses), low: null, high: null, reason: null, epochs }
      : nothing('It ended before this objective was known.', epochs);
  }
  return { ...judge(fitted, objective, chosen), epochs };
}

const nothing = (reason: string, epochs: number | null): TrialResult => ({
  value: null,
  low: null,
  high: null,
  reason,
  epochs,
});

function judge(
  { result: { report, history, bestEpoch, scores }, samples }: FittedScorer,
  objective: string,
  chosen: ReadonlySet<number>,
): TrialResult {
  if (objective === 'planted') {
    const { plantedAuroc } = report;
    return typeof plantedAuroc === 'number'
      ? { value: plantedAuroc, low: null, high: null, reason: null, epochs: null }
      : nothing('Cannot be judged: too few normal images are held out to plant defects in.', null);
  }
  if (objective === 'validation-loss') {
    const value = history[bestEpoch - 1]?.valLoss ?? null;
    return value === null
      ? nothing('Cannot be judged: no image is held out for validation.', null)
      : { value, low: null, high: null, reason: null, epochs: null };
  }
  const { normal, anomalous } = knownImages({ images: samples, chosen });
  const position = new Map(samples.map(({ id }, i) => [id, i]));
  const scoresOf = (list: readonly Sample[]): number[] => list.map(({ id }) => scores[position.get(id) as number]);
  const figure = aurocOf(scoresOf(normal), scoresOf(anomalous));
  return figure
    ? { value: figure.auroc, low: figure.low, high: figure.high, reason: null, epochs: null }
    : nothing('Cannot be judged: no image outside of the training is known to be normal, or none anomalous.', null);
}
