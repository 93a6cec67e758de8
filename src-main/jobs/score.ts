/**
 * Scores images with a finished ranking, without training. With a run of this folder, its column gets the scores of images that were added or changed since: the others
 * keep theirs, since an image that was in the training has a score as if it had not been. A run of another folder is copied to a new run here, which scores all images.
 */
import { constants, existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { scorerOf, type Scorer } from '../compute/anomaly/index.ts';
import { modelFile } from '../compute/run-files.ts';
import { WinnowError } from '../contract/errors.ts';
import { laterColumn } from '../contract/evidence.ts';
import type { ScoreRequest } from '../contract/schemas.ts';
import { withoutMasks } from '../contract/folder-truth.ts';
import { ruleOf, thresholdInEffect, type Threshold } from '../contract/threshold.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Rows } from '../rows/row-store.ts';
import { existingWorkspace, realFolder } from '../workspace/folders.ts';
import type { Report } from '../workspace/report.ts';
import { readRankings, type SavedRanking } from '../workspace/saved-detectors.ts';
import { evidenceOfRun } from '../workspace/placed-threshold.ts';
import { runFolder, toWinnowError } from '../workspace/runs.ts';
import { settingKey } from '../workspace/settings.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { MapFiles } from './map-files.ts';
import { makeRun } from './run-runner.ts';
import { refreshToCompute } from './scan.ts';
import { prepareImages } from './scorer-images.ts';

export const scoreJob: JobType<ScoreRequest> = {
  kind: 'score',
  prepare(request, context) {
    const { runId, of } = request;
    const own = of ? null : detectorOf(context.runs.get(runId), runFolder(context.workspaceFolder, runId));
    const filesOf = ({ run }: Detector) => new MapFiles(request, run.method, context);
    if (own) filesOf(own); // throws at once
    return {
      title: `Score with ${runId}`,
      async run(report) {
        await refreshToCompute(context, report);
        const detector = own ?? (await detectorIn(of as Place, runId));
        const files = filesOf(detector);
        await files.check();
        const run = own ? own.run : await copyDetector(context, detector, report);
        const scored = own ? (await scoreNew(context, own, report)).length : context.table.count().samples;
        const written = files.isNone ? '' : `; ${await files.write(run, report)}`;
        return `${plural(scored, own ? 'new image' : 'image')} scored by ${run.id}${written}`;
      },
    };
  },
};

type Place = NonNullable<ScoreRequest['of']>;

/** A finished ranking that kept its model. */
export interface Detector {
  run: Run;
  scorer: Scorer;
  /** With the model. */
  runFolder: string;
  /** Where it was trained, with its threshold there and the chosen rule; null for the open folder. */
  from: ({ folder: string } & Pick<SavedRanking, 'rule' | 'threshold'>) | null;
}

/** Throws WinnowError `no-run` if the run cannot score images. */
export function detectorOf(run: Run, runFolder: string, from: Detector['from'] = null): Detector {
  if (run.kind !== 'rank' || run.state !== 'done')
    throw new WinnowError('no-run', `${run.id} is not a finished ranking.`);
  const scorer = scorerOf(run.method);
  if (!scorer) throw new WinnowError('no-run', `This version of Winnow has no method ‘${run.method}’.`);
  if (!existsSync(modelFile(runFolder)))
    throw new WinnowError(
      'no-run',
      `${run.id} kept no model: an earlier version of Winnow made it. Rank again with the same settings.`,
    );
  return { run, scorer, runFolder, from };
}

/** A detector of another folder, whose workspace may be open elsewhere. Throws WinnowError. */
async function detectorIn(place: Place, runId: string): Promise<Detector> {
  const workspaceFolder = await existingWorkspace(place, 'it has no rankings.');
  const saved = readRankings(workspaceFolder);
  const found = saved.find(({ run }) => run.id === runId);
  if (!found)
    throw new WinnowError(
      'no-run',
      `${place.folder} has no finished ranking ‘${runId}’. ${saved.length ? `It has: ${saved.map(({ run }) => run.id).join(', ')}.` : 'It has none.'}`,
    );
  const { run, rule, threshold } = found;
  return detectorOf(run, runFolder(workspaceFolder, runId), {
    folder: await realFolder(place.folder),
    rule,
    threshold,
  });
}

/** Copies the detector, with the rule of its threshold, to a new run of this folder and scores all images with it. A note says which threshold results. */
function copyDetector(
  context: JobContext,
  { run: saved, scorer, runFolder: files, from }: Detector,
  report: Report,
): Promise<Run> {
  const { method, seed, parameters, trained, trainOn, trainOnBy, report: facts } = saved;
  return makeRun(
    context,
    {
      ...{ name: method, kind: 'rank', method, seed, parameters, trained, trainOn, trainOnBy },
      origin: saved.origin ?? { folder: (from as NonNullable<typeof from>).folder, runId: saved.id },
      mainColumn: 'error',
      fingerprint: null,
      resume: false,
    },
    report,
    async (run) => {
      const startedAt = performance.now();
      const { folder } = run.openTraining();
      await copyFile(modelFile(files), modelFile(folder), constants.COPYFILE_FICLONE);
      using prepared = await prepareImages(context, scorer, parameters, withoutMasks(context.table.samples()), report);
      const scores = await scoresOf(context, folder, prepared, report);
      const seconds = (performance.now() - startedAt) / 1000;
      const { backend, device, normals } = saved;
      return {
        facts: { backend, device, normals, seconds, imagesPerSecond: scores.length / seconds, report: facts },
        write() {
          context.table.putColumn(
            run.record.column,
            `${run.id} · ${scorer.gives.score.title}`,
            run.id,
            prepared.samples.map(({ id }) => id),
            scores,
          );
          // A part of the new run, and no step of its own to undo.
          if (from?.rule) context.settings.put(settingKey('rule', run.id), from.rule);
          const evidence = evidenceOfRun(context.table, { ...run.record, normals });
          if (from) run.note(thresholdNote(thresholdInEffect(evidence, from.rule), from));
        },
      };
    },
  );
}

function thresholdNote(
  { score, rule, flagged, reason }: Threshold,
  { folder, threshold }: NonNullable<Detector['from']>,
): string {
  const there = `in ${folder} ${threshold.score === null ? 'there is none' : `it is ${threshold.score.toPrecision(4)}`}.`;
  return score === null
    ? `No threshold here: ${reason} For comparison: ${there}`
    : `Threshold here: ${score.toPrecision(4)} (${ruleOf(rule)?.title ?? 'moved by hand'}), with ${plural(flagged ?? 0, 'flagged image')}; ${there}`;
}

/** Scores those of `among` (all by default) that the run has no score of; the folder has been scanned. Returns the scored samples. */
export async function scoreNew(
  context: JobContext,
  { run, scorer, runFolder }: Detector,
  report: Report,
  among: readonly Sample[] = withoutMasks(context.table.samples()),
): Promise<Sample[]> {
  const { table } = context;
  const known = table.values(run.column);
  const fresh = among.filter(({ id }) => Number.isNaN(known[id] ?? NaN));
  if (!fresh.length) return [];
  using prepared = await prepareImages(context, scorer, run.parameters, fresh, report);
  const { samples } = prepared;
  if (!samples.length) return [];
  const scores = await scoresOf(context, runFolder, prepared, report);
  const ids = samples.map(({ id }) => id);
  table.write(() => {
    table.addToColumn(run.column, ids, scores);
    const [later, ones] = [laterColumn(run), ids.map(() => 1)];
    if (table.columns().some(({ name }) => name === later)) table.addToColumn(later, ids, ones);
    else table.putColumn(later, `${run.id} · scored without training`, run.id, ids, ones);
  });
  return samples;
}

async function scoresOf(
  { compute }: JobContext,
  runFolder: string,
  { set, samples }: Rows,
  report: Report,
): Promise<Float64Array> {
  report.stage('Scoring', samples.length);
  return compute
    .call('score', { runFolder, images: set }, { signal: report.signal, onEvent: ({ done }) => report.progress(done) })
    .catch((error: unknown) => {
      throw toWinnowError(error);
    });
}
