/**
 * Ranks the images with a scorer: prepares its inputs, trains and scores in the compute process, and stores the scores as a column and the
 * training as a run. The same request resumes an interrupted run from its checkpoint.
 */
import { createHash } from 'node:crypto';
import { holdOutOrder } from '../compute/train/batches.ts';
import { WinnowError } from '../contract/errors.ts';
import { globMatcher } from '../contract/glob.ts';
import { clamp } from '../contract/numbers.ts';
import type { RankRequest } from '../contract/schemas.ts';
import { quantileOf } from '../contract/statistics.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { checkRank } from '../workspace/check-request.ts';
import type { Report } from '../workspace/report.ts';
import { MapFiles } from './map-files.ts';
import { refresh } from './scan.ts';
import { prepareImages, preparePlanted, withSize } from './scorer-images.ts';
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
        await refresh(context, report);
        await files.check(); // before hours of training
        const run = await rank(context, request, report);
        context.journal.record({ do: 'rank', request, run: run.id }, `rank with ${run.id}`);
        const written = files.isNone ? '' : `; ${await files.write(run, report)}`;
        const ranked = context.table.columns().find(({ name }) => name === run.column)?.count ?? 0;
        return `${run.id}: ${plural(ranked, 'image')} ranked${written}`;
      },
    };
  },
};

/** Returns the finished run. The folder must have been scanned. */
export async function rank(context: JobContext, request: RankRequest, report: Report): Promise<Run> {
  const { record, parameters: requested } = checkRank(request);
  const images = context.table.samples();
  const parameters = withSize(record, requested, images.length);
  if (!images.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  using prepared = await prepareImages(context, record, parameters, images, report);
  const { samples, set } = prepared;
  const train = trainPositions(samples, request.trainOn);
  const chosen = Array.from(plantedPositions(train, request.seed), (position) => samples[position]);
  using planted = await preparePlanted(context, record, parameters, chosen, request.seed, report);
  const positionOf = new Map(samples.map(({ id }, i) => [id, i]));
  const of = Int32Array.from(planted.samples, ({ id }) => positionOf.get(id) as number);
  const spec: RunSpec = {
    name: record.id,
    kind: 'rank',
    method: record.id,
    seed: request.seed,
    trainOn: request.trainOn,
    trained: train.length,
    parameters,
    mainColumn: 'error',
    fingerprint: fingerprintOf(record.id, parameters, request.seed, samples, train),
    resume: request.resume,
  };
  return await makeRun(context, spec, report, async (run) => {
    report.stage('Starting training', 0);
    const { folder, resume } = run.openTraining();
    const result = await context.compute.call(
      'fit',
      {
        method: record.id,
        params: parameters,
        seed: request.seed,
        runFolder: folder,
        images: set,
        train,
        planted: { images: planted.set, of },
        resume,
      },
      { signal: report.signal, onEvent: followTraining(run, report, { train: 'Training', score: 'Scoring' }) },
    );
    const facts = factsOf([result]);
    const { plantedAuroc } = result.report;
    if (typeof plantedAuroc === 'number' && plantedAuroc < 0.5)
      run.note(
        `This score ranks normal images with a planted defect below normal images without one (AUROC ${plantedAuroc.toFixed(2)}, 0.5 is chance). Do not rely on it for this folder; try another method.`,
      );
    return {
      facts: {
        ...facts,
        history: result.history,
        normals: sortedScores(result.scores, result.heldOut),
        report: { ...result.report, ...facts.report, ...(!record.gives.map && { maps: false }) },
      },
      write: () =>
        context.table.putColumn(
          run.record.column,
          `${run.id} · ${record.gives.score.title}`,
          run.id,
          samples.map(({ id }) => id),
          result.scores,
        ),
    };
  });
}

/** Sorted; of more than `mostNormals`, as many quantiles. */
function sortedScores(scores: Float64Array, positions: Int32Array): number[] {
  const sorted = Float64Array.from(positions, (position) => scores[position]).sort();
  if (sorted.length <= mostNormals) return Array.from(sorted);
  return Array.from({ length: mostNormals }, (_, i) => quantileOf(sorted, i / (mostNormals - 1)));
}
const mostNormals = 10_000;

/** The training images that get a planted defect. Scorers that hold images out of the training hold these out first. */
function plantedPositions(train: Int32Array, seed: number): Int32Array {
  return holdOutOrder(train, seed).slice(0, clamp(Math.round(train.length / 5), 10, 40));
}

function trainPositions(samples: readonly Sample[], trainOn: string | null): Int32Array {
  if (!trainOn) return Int32Array.from(samples.keys());
  const matches = globMatcher(trainOn);
  const positions = samples.flatMap((sample, i) => (matches(sample.path) ? [i] : []));
  if (!positions.length)
    throw new WinnowError(
      'no-samples',
      `No image matches ‘${trainOn}’. Paths are relative to the folder, for example ${samples[0].path}.`,
    );
  return Int32Array.from(positions);
}

function fingerprintOf(
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

/** Returns a function that tests whether an image was in the training set. */
export const trainedOn = (run: Pick<Run, 'trainOn'>): ((path: string) => boolean) => {
  if (run.trainOn === null) return () => true;
  return globMatcher(run.trainOn);
};
