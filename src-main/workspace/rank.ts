/**
 * Ranks the folder's images by a scorer: scan, pack pixels, train and score in the compute process, keep the scores as a column and the
 * training as a run. A run that was cut off goes on from its checkpoint when the same is asked for again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { embeddingScorerOf, methods, scorerOf } from '../compute/anomaly/index.ts';
import type { Compute } from '../compute/child.ts';
import type { FitResult } from '../compute/anomaly/fit.ts';
import { checkpointFile, hasCheckpoint } from '../compute/run-files.ts';
import { removeParts } from '../compute/tensor-file.ts';
import { WinnowError } from '../contract/errors.ts';
import { globToRegExp } from '../contract/expression.ts';
import type { RankRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { packPixels, type Packed } from '../image/pixel-cache.ts';
import type { Database } from './database.ts';
import { embedSamples } from './embeddings.ts';
import type { Report } from './jobs.ts';
import { emptyRun, keepRun, noted, trainedFacts, type PutRun, type Runs } from './runs.ts';
import type { Table } from './table.ts';

/** What work on an open folder's pixels needs of it. */
export interface Desk {
  db: Database;
  table: Table;
  compute: Compute;
  folder: string;
  workspaceFolder: string;
}

export interface RankDesk extends Desk {
  runs: Runs;
  onRun(run: Run): void;
}

export const runFolder = (workspaceFolder: string, runId: string) => join(workspaceFolder, 'runs', runId);

/** Checks what was asked before any work is done. Throws WinnowError `bad-request`. */
export function checkRank(request: Pick<RankRequest, 'method' | 'parameters'>) {
  const record = methods.find(({ id }) => id === request.method);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${request.method}’. There are: ${methods.map(({ id }) => id).join(', ')}.`,
    );
  const parameters = record.schema.safeParse(request.parameters);
  if (!parameters.success)
    throw new WinnowError('bad-request', `${record.title}: ${z.prettifyError(parameters.error)}`);
  return { record, parameters: parameters.data as Record<string, unknown> };
}

/** Returns the finished run. The folder has been scanned before. */
export async function rank(desk: RankDesk, request: RankRequest, report: Report): Promise<Run> {
  const { record, parameters } = checkRank(request);
  const samples = desk.table.samples();
  if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');

  const scorer = scorerOf(record.id);
  if (!scorer) return rankByEmbeddings(desk, request, parameters, report);

  report.stage('Preparing pixels', samples.length);
  const packed = await packPixels(
    desk.db,
    desk.folder,
    desk.workspaceFolder,
    samples,
    scorer.pixels(parameters).sizePx,
    {
      signal: report.signal,
      onProgress: (done, total) => report.progress(done, total),
    },
  );
  desk.table.putScanned(
    [],
    packed.issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })),
  );
  const train = trainPositions(packed.samples, request.trainOn);

  const fingerprint = fingerprintOf(record.id, parameters, request.seed, packed.samples, train);
  const earlier = request.resume
    ? desk.runs.resumable(fingerprint, ({ id }) => hasCheckpoint(runFolder(desk.workspaceFolder, id)))
    : null;
  const id = earlier?.id ?? desk.runs.nextId(record.id);
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
  const folder = runFolder(desk.workspaceFolder, id);
  if (!earlier) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  removeParts(folder);
  return keepRun(desk, fingerprint, begun, report, async (put) => {
    const result = await fit(desk, request, parameters, packed, train, folder, earlier !== null, begun, put, report);
    const facts = trainedFacts([result]);
    desk.table.write(() => {
      desk.table.putColumn(
        begun.column,
        `${id} · reconstruction error`,
        id,
        packed.samples.map((sample) => sample.id),
        result.scores,
      );
      put({ ...facts, state: 'done', history: result.history, report: { ...result.report, ...facts.report } });
    });
    rmSync(checkpointFile(folder), { force: true }); // nothing is left to resume
  });
}

async function rankByEmbeddings(
  desk: RankDesk,
  request: RankRequest,
  parameters: Record<string, unknown>,
  report: Report,
): Promise<Run> {
  const { samples, file, size, rows } = await embedSamples(desk, desk.table.samples(), report);
  const train = trainPositions(samples, request.trainOn);
  const id = desk.runs.nextId(request.method);
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
  return keepRun(desk, '', begun, report, async (put) => {
    report.stage('Scoring', samples.length);
    const { scores, seconds, peakMemoryMiB, backend } = await desk.compute.call(
      'score',
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
    desk.table.write(() => {
      desk.table.putColumn(
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
  desk: RankDesk,
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
  return desk.compute.call(
    'fit',
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
