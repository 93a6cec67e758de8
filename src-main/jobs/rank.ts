/**
 * Ranks the folder's images by a scorer: scan, pack pixels, train and score in the compute process, keep the scores as a column and the
 * training as a run. A run that was cut off goes on from its checkpoint when the same is asked for again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { embeddingScorerOf, methods, scorerOf } from '../compute/anomaly/index.ts';
import type { FitResult } from '../compute/protocol.ts';
import { checkpointFile, hasCheckpoint } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import { WinnowError } from '../contract/errors.ts';
import { globToRegExp } from '../contract/expression.ts';
import type { RankRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { packPixels, type Packed } from '../image/pixel-cache.ts';
import { embedSamples } from './embeddings.ts';
import { OutputFolder } from '../file/output-folder.ts';
import type { JobContext } from '../jobs/context.ts';
import type { JobType } from '../jobs/job-type.ts';
import type { Report } from './jobs.ts';
import { mapName, writeMaps } from './maps.ts';
import { emptyRun, keepRun, noted, runFolder, trainedFacts, type PutRun } from './runs.ts';
import { refresh } from './scan.ts';

export const rankJob: JobType<RankRequest> = {
  kind: 'rank',
  prepare(request, context) {
    const { record } = checkRank(request);
    if (request.maps && !hasMaps(record.id))
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

  const scorer = scorerOf(record.id);
  if (!scorer) return rankByEmbeddings(context, request, parameters, report);

  report.stage('Preparing pixels', samples.length);
  const packed = await packPixels(
    context.db,
    context.folder,
    context.workspaceFolder,
    samples,
    scorer.pixels(parameters).sizePx,
    {
      signal: report.signal,
      onProgress: (done, total) => report.progress(done, total),
    },
  );
  context.table.putScanned(
    [],
    packed.issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })),
  );
  const train = trainPositions(packed.samples, request.trainOn);

  const fingerprint = fingerprintOf(record.id, parameters, request.seed, packed.samples, train);
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
  return keepRun(context, fingerprint, begun, report, async (put) => {
    const result = await fit(context, request, parameters, packed, train, folder, earlier !== null, begun, put, report);
    const facts = trainedFacts([result]);
    const history = result.history.map((epoch) => ({ ...epoch, valLoss: epoch.valLoss ?? null }));
    context.table.write(() => {
      context.table.putColumn(
        begun.column,
        `${id} · reconstruction error`,
        id,
        packed.samples.map((sample) => sample.id),
        result.scores,
      );
      put({ ...facts, state: 'done', history, report: { ...result.report, ...facts.report } });
    });
    rmSync(checkpointFile(folder), { force: true }); // nothing is left to resume
  });
}

async function rankByEmbeddings(
  context: JobContext,
  request: RankRequest,
  parameters: Record<string, unknown>,
  report: Report,
): Promise<Run> {
  const { samples, file, size, rows } = await embedSamples(context, context.table.samples(), report);
  const train = trainPositions(samples, request.trainOn);
  const id = context.runs.nextId(request.method);
  const begun: Run = {
    ...emptyRun,
    id,
    kind: 'rank',
    method: request.method,
    seed: request.seed,
    trainOn: request.trainOn,
    trained: train.length,
    parameters,
    column: `${id}.error`,
    createdAt: Date.now(),
    state: 'running',
  };
  return keepRun(context, '', begun, report, async (put) => {
    report.stage('Scoring', samples.length);
    const { scores, seconds, peakMemoryMiB, backend } = await context.compute.score(
      { method: request.method, params: parameters, embeddings: { file, size, rows }, train },
      {
        signal: report.signal,
        onEvent: ({ done, total }) => report.progress(done, total),
      },
    );
    const facts: Partial<Run> = {
      seconds,
      imagesPerSecond: samples.length / Math.max(1e-9, seconds),
      peakMemoryMiB,
      backend: backend.backend,
      device: `${backend.device}, ${backend.version}`,
      report: { maps: false },
    };
    context.table.write(() => {
      context.table.putColumn(
        begun.column,
        `${id} · distance`,
        id,
        samples.map((sample) => sample.id),
        scores,
      );
      put({ ...facts, state: 'done' });
    });
  });
}

/** Does a run of this method say where in an image its error lies? */
export const hasMaps = (method: string): boolean => embeddingScorerOf(method) === undefined;

async function fit(
  context: JobContext,
  request: RankRequest,
  parameters: Record<string, unknown>,
  packed: Packed,
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
      pixels: { file: packed.file, sizePx: packed.sizePx, channels: 3, rows: packed.rows },
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
