/**
 * Ranks the images with a scorer: prepares its inputs, trains and scores in the compute process, and stores the scores as a column and the
 * training as a run. The same request resumes an interrupted run from its checkpoint.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FitReport, FitStage } from '../compute/anomaly/fit.ts';
import { scorerOf, type Scorer } from '../compute/anomaly/index.ts';
import { WinnowError } from '../contract/errors.ts';
import { withoutMasks } from '../contract/folder-truth.ts';
import { meanOf } from '../contract/numbers.ts';
import type { RankRequest } from '../contract/schemas.ts';
import { quantileOf } from '../contract/statistics.ts';
import {
  anomalousTag,
  countTagged,
  normalTag,
  suggestTrainOn,
  taggedNormal,
  tooFewTagged,
  trainingImages,
  type TrainOn,
} from '../contract/train-on.ts';
import type { Run, Sample } from '../contract/types.ts';
import { isBelowChance, leastChance } from '../contract/planted.ts';
import { plural, wholePercent } from '../contract/words.ts';
import { checkRank } from '../workspace/check-request.ts';
import type { Report } from '../workspace/report.ts';
import type { Table } from '../workspace/table.ts';
import { MapFiles } from './map-files.ts';
import { refreshToCompute } from './scan.ts';
import { fitScorer, type FittedScorer } from './fit-scorer.ts';
import { withSize } from './scorer-images.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { makeRun, type RunSpec } from './run-runner.ts';
import { factsOf, followTraining } from './training-progress.ts';

export const rankJob: JobType<RankRequest> = {
  kind: 'rank',
  prepare(request, context) {
    const { record } = checkRank(request);
    const files = new MapFiles(request, record.id, context);
    return {
      title: `Rank with ${record.title}`,
      async run(report) {
        await refreshToCompute(context, report);
        await files.check(); // before hours of training
        const run = await rank(context, request, report);
        context.journal.record(
          { do: 'rank', request: { ...request, trainOn: run.trainOn }, run: run.id },
          `rank with ${run.id}`,
        );
        const written = files.isNone ? '' : `; ${await files.write(run, report)}`;
        const ranked = context.table.columns().find(({ name }) => name === run.column)?.count ?? 0;
        return `${run.id}: ${plural(ranked, 'image')} ranked${written}`;
      },
    };
  },
};

/** Returns the finished run. The folder must have been scanned. `checkpoint`: of the same training, which continues from it. `note`: said with the run. */
export async function rank(
  context: JobContext,
  request: RankRequest,
  report: Report,
  { checkpoint = null, note = null }: { checkpoint?: string | null; note?: string | null } = {},
): Promise<Run> {
  const { record, parameters: requested } = checkRank(request);
  const all = context.table.samples();
  const images = withoutMasks(all);
  const parameters = withSize(record, requested, images.length);
  if (!images.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  const choice = chooseTraining(context.table, images, request.trainOn);
  if (choice.by === 'given') context.table.setMeta(rememberedKey, JSON.stringify(choice.glob));
  const { glob, by, added, leftOut } = choice;
  const chosen = new Set(choice.positions.map((position) => images[position].id));
  const spec: RunSpec = {
    name: record.id,
    kind: 'rank',
    method: record.id,
    seed: request.seed,
    trainOn: glob,
    trainOnBy: by,
    trainTags: { added, leftOut },
    trained: choice.positions.length,
    parameters,
    mainColumn: 'error',
    fingerprint: fingerprintOf(record.id, parameters, request.seed, images, Int32Array.from(choice.positions)),
    resume: request.resume,
  };
  return await makeRun(context, spec, report, async (run) => {
    if (note) run.note(note);
    const masks = all.length - images.length;
    if (masks) run.note(`${plural(masks, 'mask')} in folders ‘ground_truth’ not ranked.`);
    if (leftOut.length)
      run.note(`${plural(leftOut.length, 'image')} tagged ‘${anomalousTag}’ left out of the training.`);
    if (added.length && glob !== taggedNormal)
      run.note(`${plural(added.length, 'image')} tagged ‘${normalTag}’ added to the training.`);
    const copies = choice.positions.length - new Set(choice.positions.map((position) => images[position].sha256)).size;
    if (copies)
      run.note(
        `${plural(copies, 'training image')} ${copies === 1 ? 'is a copy of another one' : 'are copies of others'}: each content counts once.`,
      );
    const tooFew = by === 'all' ? tooFewTagged(countTagged(images)) : null;
    if (tooFew) run.note(`${tooFew} Trained on all images.`);
    const { folder, resume } = run.openTraining({ checkpoint });
    const firstFolder = join(folder, 'first');
    const first = record.first === undefined ? undefined : scorerOf(record.first);
    const fitWith = (scorer: Scorer, settings: Record<string, unknown>, isFirst: boolean): Promise<FittedScorer> =>
      fitScorer(
        context,
        context.compute,
        {
          scorer,
          parameters: settings,
          seed: request.seed,
          images,
          chosen,
          areNormal: glob !== null,
          isJudged: !isFirst,
          runFolder: isFirst ? firstFolder : folder,
          resume: resume && !isFirst,
        },
        report,
        { signal: report.signal, onEvent: followTraining(run, report, stageTitles) },
      );
    const writeScores = ({ result, samples }: FittedScorer, scorer: Scorer): void =>
      context.table.putColumn(
        run.record.column,
        `${run.id} · ${scorer.gives.score.title}`,
        run.id,
        samples.map(({ id }) => id),
        result.scores,
      );
    if (first) {
      mkdirSync(firstFolder, { recursive: true });
      const quick = await fitWith(first, first.ready({ stability: 0 }).params, true).finally(() =>
        rmSync(firstFolder, { recursive: true, force: true }),
      );
      context.table.write(() => writeScores(quick, first));
      run.note(`First ranking by ${first.title}, shown until ${record.title} has finished.`);
    }
    const scored = await fitWith(record, parameters, false);
    const { result, samples, train } = scored;
    const facts = factsOf([result]);
    const doubt = doubtOf(result.report);
    if (doubt) run.note(doubt);
    if (result.lost) run.note(lostNote(result.lost, train, (position) => samples[position].path));
    return {
      facts: {
        ...facts,
        trained: train.length,
        history: result.history,
        normals: sortedScores(result.scores, result.heldOut),
        report: { ...result.report, ...facts.report, ...(!record.gives.map && { maps: false }) },
      },
      write() {
        writeScores(scored, record);
        const put = (name: string, title: string, values: Float64Array): void =>
          context.table.putColumn(
            `${run.id}.${name}`,
            `${run.id} · ${title}`,
            run.id,
            Array.from(train, (position) => samples[position].id),
            values,
          );
        if (result.taken) {
          const taken = new Set(result.taken);
          put(
            'normal',
            'taken as normal',
            Float64Array.from(train, (position) => Number(taken.has(position))),
          );
        }
        if (result.lost) put('lost', 'patches left out', result.lost);
      },
    };
  });
}

const stageTitles: Record<FitStage | 'train', string> = {
  train: 'Training',
  components: 'Principal components',
  errors: 'Measuring normal errors',
  compare: 'Comparing images with each other',
  read: 'Reading patches',
  trim: 'Looking for patches that may be defects',
  select: 'Selecting patches',
  calibrate: 'Comparing normal images',
  judge: 'Judging the methods by the unselected images',
  score: 'Scoring',
  again: 'Repeating, for the stability of the ranks',
};

/** What to say of a score that does not find planted defects; null if it does, or could not be judged. */
export function doubtOf({
  plantedAuroc,
  plantedChance = leastChance,
}: Pick<FitReport, 'plantedAuroc' | 'plantedChance'>): string | null {
  if (typeof plantedAuroc !== 'number' || plantedAuroc >= plantedChance) return null;
  const figure = `AUROC ${plantedAuroc.toFixed(2)}, 0.5 is chance`;
  return isBelowChance(plantedAuroc, plantedChance)
    ? `This score ranks normal images with a planted defect below normal images without one (${figure}). Do not rely on it for this folder; try another method.`
    : plantedAuroc >= leastChance
      ? `The planted defects are too few to tell this score from chance (${figure}; so few images need ${plantedChance.toFixed(2)}). Look at both ends of the ranking before you rely on it.`
      : `This score finds planted defects no better than chance (${figure}). It may miss small defects: look at both ends of the ranking before you rely on it.`;
}

/** How many patches were left out of the training, and the images that lost most. */
export function lostNote(lost: Float64Array, train: Int32Array, pathOf: (position: number) => string): string {
  const most = Array.from(lost.keys())
    .sort((a, b) => lost[b] - lost[a])
    .slice(0, 3)
    .map((i) => `${pathOf(train[i])} (${wholePercent(lost[i])})`);
  return `${wholePercent(meanOf(lost))} of the patches were left out as possible defects. These images lost most: ${most.join(', ')}.`;
}

/** Sorted; of more than `mostNormals`, as many quantiles. */
function sortedScores(scores: Float64Array, positions: Int32Array): number[] {
  const sorted = Float64Array.from(positions, (position) => scores[position]).sort();
  if (sorted.length <= mostNormals) return Array.from(sorted);
  return Array.from({ length: mostNormals }, (_, i) => quantileOf(sorted, i / (mostNormals - 1)));
}
const mostNormals = 10_000;

/** The setting is not in the journal: it changes nothing but what the next request starts with. */
const rememberedKey = 'trainOn';

/** What was last given for this folder; null if nothing was. */
export function rememberedTrainOn(table: Pick<Table, 'meta'>): Pick<TrainOn, 'glob'> | null {
  const stored = table.meta(rememberedKey);
  return stored === null ? null : { glob: JSON.parse(stored) as string | null };
}

/** What the request trains on. Throws WinnowError `no-samples` if no image is left. */
export function chooseTraining(
  table: Pick<Table, 'meta'>,
  samples: readonly Sample[],
  asked: string | null | undefined,
): TrainOn & ReturnType<typeof trainingImages> {
  const choice: TrainOn =
    asked === undefined ? suggestTrainOn(samples, rememberedTrainOn(table)) : { glob: asked, by: 'given' };
  const images = trainingImages(samples, choice.glob);
  if (!images.positions.length) {
    const { leftOut } = images;
    throw new WinnowError(
      'no-samples',
      leftOut.length
        ? `All ${plural(leftOut.length, 'image')} to train on are tagged ‘${anomalousTag}’, so none is left.`
        : choice.glob === taggedNormal
          ? `No image is tagged ‘${normalTag}’, so there is nothing to train on. Tag some, or train on others.`
          : `No image matches ‘${choice.glob}’. Paths are relative to the folder, for example ${samples[0].path}.`,
    );
  }
  return { ...choice, ...images };
}

export function fingerprintOf(
  method: string,
  parameters: Record<string, unknown>,
  seed: number,
  samples: readonly Sample[],
  train: Int32Array,
): string {
  const hash = createHash('sha256').update(JSON.stringify([method, Object.entries(parameters).sort(), seed]));
  for (const sample of samples) hash.update(sample.sha256);
  return hash.update(Buffer.from(train.buffer)).digest('hex');
}
