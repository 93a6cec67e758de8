/** Makes runs of trials: from the checkpoint of a trial without training, or a longer training of its parameters. */
import { existsSync } from 'node:fs';
import { checkpointFile } from '../../compute/run-files.ts';
import { WinnowError } from '../../contract/errors.ts';
import type { Trial } from '../../contract/search.ts';
import { pointText } from '../../contract/space.ts';
import { rankSchema, type RankRequest, type TrainRequest } from '../../contract/schemas.ts';
import type { Run } from '../../contract/types.ts';
import type { Report } from '../../workspace/report.ts';
import type { JobContext } from '../context.ts';
import type { JobType } from '../job-type.ts';
import { rank } from '../rank.ts';
import { train } from '../train.ts';
import { trialFolder } from './local-executor.ts';
import { requireSameData } from './same-data.ts';
import { checkParameters, prepareData } from './subject.ts';
import { trainRequestOf } from './train-trial.ts';

/** The request that repeats a trial as a run. */
function requestOf(run: Run, trial: Trial): { train: TrainRequest } | { rank: RankRequest } {
  const search = searchOf(run);
  const { subject } = search.request;
  const parameters = checkParameters(subject, { ...search.fixed, ...trial.parameters });
  if (subject.kind === 'train') return { train: trainRequestOf(subject, { parameters, seed: trial.seed, fold: null }) };
  const { kind: _kind, ...own } = subject;
  return { rank: rankSchema.parse({ ...own, parameters, seed: trial.seed, resume: false }) };
}

/** Throws `no-run`. */
export function searchOf(run: Run): NonNullable<Run['search']> {
  if (!run.search) throw new WinnowError('no-run', `${run.id} is not a search.`);
  return run.search;
}

/** Throws `no-run`. */
export function trialOf({ trials }: Pick<JobContext, 'trials'>, search: string, number: number): Trial {
  const trial = trials.get(search, number);
  if (!trial) throw new WinnowError('no-run', `${search} has no trial ${number}.`);
  return trial;
}

const makeRunOf = (
  context: JobContext,
  request: ReturnType<typeof requestOf>,
  report: Report,
  options: { checkpoint?: string | null; note: string },
): Promise<Run> =>
  'train' in request ? train(context, request.train, report, options) : rank(context, request.rank, report, options);

/** Makes a run of a trial. Without its checkpoint it is trained again, which gives the same result. Returns the run that it has already, if it still exists. */
export async function keepTrial(context: JobContext, searchId: string, trial: Trial, report: Report): Promise<Run> {
  const known = context.runs.list().find(({ id, state }) => id === trial.run && state === 'done');
  if (known) return context.runs.get(known.id);
  const { request, fixed, dataHash, objective } = searchOf(context.runs.get(searchId));
  const { seed } = request;
  const data = await prepareData(context, request.subject, fixed, { seed, objective: objective.id }, report);
  requireSameData(data.dataHash, dataHash);
  const file = checkpointFile(trialFolder(context.workspaceFolder, trial.id));
  const run = await makeRunOf(context, requestOf(context.runs.get(searchId), trial), report, {
    checkpoint: existsSync(file) && trial.state === 'done' ? file : null,
    note: `Trial ${trial.number} of ${searchId}: ${pointText(trial.parameters)}.`,
  });
  const latest = { ...(context.trials.get(searchId, trial.number) ?? trial), run: run.id };
  context.trials.put(searchId, latest);
  context.publishTrial(searchId, latest);
  return run;
}

function record(context: JobContext, request: ReturnType<typeof requestOf>, run: Run): void {
  if ('train' in request)
    context.journal.record({ do: 'train', request: request.train, run: run.id }, `train ${run.id}`);
  else
    context.journal.record(
      { do: 'rank', request: { ...request.rank, trainOn: run.trainOn }, run: run.id },
      `rank with ${run.id}`,
    );
}

export const keepTrialJob: JobType<{ id: string; number: number }> = {
  kind: 'keep-trial',
  prepare({ id, number }, context) {
    const trial = trialOf(context, id, number);
    const search = context.runs.get(id);
    const request = requestOf(search, trial);
    if (trial.state === 'running')
      throw new WinnowError('bad-request', `Trial ${number} still runs. Stop it first, or wait.`);
    return {
      title: `Keep trial ${number} of ${id}`,
      async run(report) {
        const run = await keepTrial(context, id, trial, report);
        if (trial.run !== run.id) record(context, request, run);
        return `${run.id} is trial ${number} of ${id}`;
      },
    };
  },
};

export const trainLongerJob: JobType<{ id: string; number: number; factor: number }> = {
  kind: 'train',
  prepare({ id, number, factor }, context) {
    const trial = trialOf(context, id, number);
    const request = longer(requestOf(context.runs.get(id), trial), factor);
    return {
      title: `Train trial ${number} of ${id} longer`,
      async run(report) {
        const run = await makeRunOf(context, request, report, {
          note: `The parameters of trial ${number} of ${id}, for ${factor} times its epochs.`,
        });
        record(context, request, run);
        return `${run.id}: the parameters of trial ${number} of ${id}, for ${factor} times its epochs`;
      },
    };
  },
};

/** Throws `bad-request` for a method without epochs. */
function longer(request: ReturnType<typeof requestOf>, factor: number): ReturnType<typeof requestOf> {
  const more = <R extends { parameters: Record<string, unknown> }>(one: R): R => {
    const { epochs } = one.parameters;
    if (typeof epochs !== 'number')
      throw new WinnowError('bad-request', 'This method does not train in epochs, so it cannot be trained longer.');
    return { ...one, parameters: { ...one.parameters, epochs: Math.min(10_000, Math.round(epochs * factor)) } };
  };
  return 'train' in request ? { train: more(request.train) } : { rank: more(request.rank) };
}
