/**
 * Ranks the folder's images by a scorer: prepare what it takes of them, train and score in the compute process, keep the scores as a column and the
 * training as a run. An interrupted run is resumed from its checkpoint when the same is asked for again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import type { FitResult } from '../compute/protocol.ts';
import { checkpointFile, hasCheckpoint } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import { WinnowError } from '../contract/errors.ts';
import { globToRegExp } from '../contract/expression.ts';
import type { RankRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { OutputFolder } from '../file/output-folder.ts';
import type { RowSet } from '../rows/row-set.ts';
import type { JobContext } from '../jobs/context.ts';
import type { JobType } from '../jobs/job-type.ts';
import type { Report } from './jobs.ts';
import { mapName, writeMaps } from './maps.ts';
import { emptyRun, keepRun, noted, runFolder, trainedFacts, type PutRun } from './runs.ts';
import { refresh } from './scan.ts';
import { prepareImages } from './scorer-images.ts';

/** Checks what was asked before any work is done. Throws WinnowError `bad-request`. */
export function checkRank(request: Pick<RankRequest, 'method' | 'parameters'>) {
  const record = scorerOf(request.method);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${request.method}’. There are: ${scorers.map(({ id }) => id).join(', ')}.`,
    );
  const parameters = record.schema.safeParse(request.parameters);
  if (!parameters.success)
    throw new WinnowError('bad-request', `${record.title}: ${z.prettifyError(parameters.error)}`);
  return { record, parameters: parameters.data as Record<string, unknown> };
}

export const rankJob: JobType<RankRequest> = {
  kind: 'rank',
  prepare(request, context) {
    const { record } = checkRank(request);
    if (request.maps && !record.gives.map)
      throw new WinnowError('bad-request', `${record.title} compares whole images: it has no error maps.`);
    const maps = request.maps === null ? null : new OutputFolder(request.maps, [context.folder], 'The folder for maps');
    return {
      title: `Rank with ${record.title}`,
      async run(report) {
        await refresh(context, report);
        await maps?.check(context.table.samples().map(mapName)); // before hours of training
        const run = await rank(context, request, report);
        context.journal.note({ do: 'rank', request, run: run.id }, `rank with ${run.id}`);
        if (maps) await writeMaps(context, run, maps, report);
        const ranked = context.table.columns().find(({ name }) => name === run.column)?.count ?? 0;
        return `${run.id}: ${plural(ranked, 'image')} ranked`;
      },
    };
  },
};

/** Returns the finished run. The folder has been scanned before. */
export async function rank(context: JobContext, request: RankRequest, report: Report): Promise<Run> {
  const { record, parameters } = checkRank(request);
  const samples = context.table.samples();
  if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');

  using prepared = await prepareImages(context, record, parameters, samples, report);
  const train = trainPositions(prepared.samples, request.trainOn);

  const fingerprint = fingerprintOf(record.id, parameters, request.seed, prepared.samples, train);
  const earlier = request.resume
    ? context.runs.resumable(fingerprint, ({ id }) => hasCheckpoint(runFolder(context.workspaceFolder, id)))
    : null;
  const id = earlier?.id ?? context.runs.nextId(record.id);
  const begun: Run = {
    ...emptyRun,
    id,
    kind: 'rank',
    method: record.id,
    seed: request.seed,
    trainOn: request.trainOn,
    trained: train.length,
    parameters,
    column: `${id}.error`,
    createdAt: Date.now(),
    ...earlier,
    state: 'running',
    report: {},
  };
  const folder = runFolder(context.workspaceFolder, id);
  if (!earlier) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  removeParts(folder);
  return await keepRun(context, fingerprint, begun, report, async (put) => {
    const result = await fit(
      context,
      request,
      parameters,
      prepared.set,
      train,
      folder,
      earlier !== null,
      begun,
      put,
      report,
    );
    const facts = trainedFacts([result]);
    const history = result.history.map((epoch) => ({ ...epoch, valLoss: epoch.valLoss ?? null }));
    context.table.write(() => {
      context.table.putColumn(
        begun.column,
        `${id} · ${record.gives.score.title}`,
        id,
        prepared.samples.map((sample) => sample.id),
        result.scores,
      );
      const report = { ...result.report, ...facts.report, ...(!record.gives.map && { maps: false }) };
      put({ ...facts, state: 'done', history, report });
    });
    rmSync(checkpointFile(folder), { force: true }); // nothing is left to resume
  });
}

async function fit(
  context: JobContext,
  request: RankRequest,
  parameters: Record<string, unknown>,
  images: RowSet,
  train: Int32Array,
  folder: string,
  resume: boolean,
  run: Run,
  put: PutRun,
  report: Report,
): Promise<FitResult> {
  report.stage('Starting training', 0);
  let stage = '';
  const history = [...run.history];
  let before = 0; // seconds of training told up to the last epoch
  return context.compute.fit(
    {
      method: request.method,
      params: parameters,
      seed: request.seed,
      runFolder: folder,
      images,
      train,
      resume,
    },
    {
      signal: report.signal,
      onEvent: (event) => {
        if (event.stage === 'note') return put(noted(event.message));
        if (event.stage !== stage) {
          stage = event.stage;
          if (stage === 'train') report.stage('Training', 0, 'steps');
          else report.stage('Scoring', 0);
        }
        if (event.stage === 'score') return report.progress(event.done, event.total);
        report.progress((event.epoch - 1) * event.steps + event.step, event.epochs * event.steps);
        if (event.step < event.steps || (event.valLoss === undefined && history.at(-1)?.epoch === event.epoch)) return;
        if (event.seconds < before) before = 0; // another process goes on with it
        while (history.length && (history.at(-1)?.epoch ?? 0) >= event.epoch) history.pop();
        history.push({
          epoch: event.epoch,
          loss: event.loss,
          valLoss: event.valLoss ?? null,
          seconds: event.seconds - before,
        });
        before = event.seconds;
        put({ history: [...history], epochs: event.epochs });
      },
    },
  );
}

function trainPositions(samples: readonly Sample[], trainOn: string | null): Int32Array {
  if (!trainOn) return Int32Array.from(samples.keys());
  const pattern = globToRegExp(trainOn);
  const positions = samples.flatMap((sample, i) => (pattern.test(sample.path) ? [i] : []));
  if (!positions.length)
    throw new WinnowError(
      'no-samples',
      `No image matches ‘${trainOn}’. Paths are relative to the folder, as in ${samples[0].path}.`,
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

/** Was this sample trained on? */
export const trainedOn = (run: Pick<Run, 'trainOn'>): ((path: string) => boolean) => {
  if (run.trainOn === null) return () => true;
  const pattern = globToRegExp(run.trainOn);
  return (path) => pattern.test(path);
};
