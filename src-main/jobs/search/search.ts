/**
 * A search for hyperparameters: many short trainings with parameters that a strategy proposes. The search is a run without columns; its trials are rows (`workspace/trials.ts`). The
 * best one becomes a run of its own. The job runs behind all other jobs: it makes way when one is requested, and continues after it.
 */
import { strategies, strategyOf } from '../../compute/search/index.ts';
import { WinnowError } from '../../contract/errors.ts';
import type { SearchChangeRequest, SearchRequest } from '../../contract/search-schemas.ts';
import { titleIn } from '../../contract/parameter-titles.ts';
import { problemsOf, problemsText } from '../../contract/problems.ts';
import type { Assignment, SearchState, Space } from '../../contract/search.ts';
import { placeOf, valueText } from '../../contract/space.ts';
import { mainTrials } from '../../contract/trials.ts';
import type { Run } from '../../contract/types.ts';
import { mebibytes } from '../../contract/words.ts';
import type { Report } from '../../workspace/report.ts';
import { countStates } from '../../workspace/trials.ts';
import type { JobContext } from '../context.ts';
import type { JobType, PreparedJob } from '../job-type.ts';
import { paused } from '../queue.ts';
import { makeRun, type ActiveRun, type RunSpec } from '../run-runner.ts';
import { refreshToCompute } from '../scan.ts';
import { changed, checkBudget, checkedSpace, checkStopper } from './change.ts';
import { keepTrial, searchOf, trialOf } from './keep.ts';
import { localExecutor } from './local-executor.ts';
import { defaultsIn, warmStart } from './observed.ts';
import { checkpointBytes, defaultSpace, mostNeed, mostParallel, slotsFor } from './propose.ts';
import { rankData } from './rank-trial.ts';
import { verdictOf } from './repeats.ts';
import { requireSameData } from './same-data.ts';
import { objectivesFor, plainObjective, prepareData, subjectRecord } from './subject.ts';
import { TrialLoop } from './trials.ts';

export const searchJob: JobType<SearchRequest> = {
  kind: 'search',
  prepare(request, context) {
    const { title } = checkSearch(request);
    return searchWork(context, title, null, (report) => newSearch(context, request, report));
  },
};

export const resumeSearchJob: JobType<{ id: string; change: SearchChangeRequest }> = {
  kind: 'search',
  prepare({ id, change }, context) {
    const { request } = changedNow(context, id, change); // throws before it is queued
    return searchWork(context, subjectRecord(request.subject).title, { id, change }, async (report) => {
      // It may have been changed while the job was queued.
      const search = { ...changedNow(context, id, change), ended: null, verdict: null, bestRun: null };
      const { subject, seed } = search.request;
      const { dataHash } = await prepareData(
        context,
        subject,
        search.fixed,
        { seed, objective: search.objective.id },
        report,
      );
      requireSameData(dataHash, search.dataHash);
      return { continues: id, search, trained: context.runs.get(id).trained };
    });
  },
};

/** The state of a search as it is stored, with a change. Throws WinnowError. */
export function changedNow(
  context: Pick<JobContext, 'runs' | 'trials'>,
  id: string,
  change: SearchChangeRequest,
): SearchState {
  const state = searchOf(context.runs.get(id));
  return { ...state, ...changed(state, change, mainTrials(context.trials.list(id)).length) };
}

/** Checks what can be checked before images are read. Throws WinnowError. */
function checkSearch(request: SearchRequest) {
  const { subject } = request;
  const record = subjectRecord(subject);
  const strategy = strategyOf(request.strategy);
  if (!strategy)
    throw new WinnowError(
      'bad-request',
      `There is no strategy ‘${request.strategy}’. Available: ${strategies.map(({ id }) => id).join(', ')}.`,
    );
  const settings = strategy.schema.strict().safeParse(request.settings);
  if (!settings.success)
    throw new WinnowError(
      'bad-request',
      `${strategy.title}: ${problemsText(problemsOf(settings.error), titleIn(strategy.schema))}`,
    );
  checkStopper(request.stopper);
  checkBudget(request.budget, request.strategy);
  if (subject.kind === 'rank' && request.repeats.best && request.repeats.over === 'folds')
    throw new WinnowError('bad-request', 'A ranking has no folds. Repeat its best trials with other seeds.');
  if (request.space && request.objective) checkedSpace(request.space, request, request.objective);
  return record;
}

interface Start {
  /** The search that continues; null for a new one. */
  continues: string | null;
  search: SearchState;
  trained: number;
}

async function newSearch(context: JobContext, request: SearchRequest, report: Report): Promise<Start> {
  const { subject } = request;
  const { fixed } = subjectRecord(subject);
  const known = objectivesFor(context, subject);
  const objective = request.objective === null ? known[0] : known.find(({ id }) => id === request.objective);
  if (!objective)
    throw new WinnowError(
      'bad-request',
      request.objective === null
        ? 'Nothing in this folder can judge the trials.'
        : `The objective ‘${request.objective}’ cannot be judged here. Available: ${known.map(({ id }) => id).join(', ')}.`,
    );
  const { dataHash, trained } = await prepareData(
    context,
    subject,
    fixed,
    { seed: request.seed, objective: objective.id },
    report,
  );
  const space = request.space ?? (await defaultSpace(context, subject, objective.id)).space;
  if (!Object.keys(space).length)
    throw new WinnowError(
      'bad-request',
      'By default nothing is searched of this method. Say what to search with a space.',
    );
  const state: SearchState = {
    request: {
      ...request,
      // The glob that is remembered for the folder may change while the search runs.
      subject: subject.kind === 'rank' ? { ...subject, trainOn: rankData(context, subject, null).glob } : subject,
      space: checkedSpace(space, request, objective.id),
    },
    objective: plainObjective(objective),
    fixed,
    dataHash,
    warm: [],
    changes: [],
    best: null,
    bestValue: null,
    bestRun: null,
    counts: countStates([]),
    ended: null,
    verdict: null,
  };
  const search = request.warmStart ? { ...state, warm: warmStart(context, state) } : state;
  return { continues: null, search, trained };
}

function searchWork(
  context: JobContext,
  title: string,
  resumed: { id: string; change: SearchChangeRequest } | null,
  begin: (report: Report) => Promise<Start>,
): PreparedJob {
  /** Known after the first start: the job may be run again after it made way. */
  let id: string | null = null;
  return {
    title: `Search parameters of ${title}`,
    isBehind: true,
    ...(resumed && { runId: resumed.id }),
    async run(report, _jobId, pause) {
      await refreshToCompute(context, report);
      const start =
        id === null
          ? await begin(report)
          : { continues: id, search: searchOf(context.runs.get(id)), trained: context.runs.get(id).trained };
      const run = await search(context, start, report, pause, (made) => (id = made));
      if (!run) return paused;
      const { best, bestValue, objective, bestRun, request } = searchOf(run);
      context.journal.record(
        { do: 'search', request, run: run.id, best: bestRun, ...(resumed && { change: resumed.change }) },
        `${resumed ? 'continue' : 'search'} ${run.id}`,
      );
      return best === null
        ? `${run.id}: no trial has a value`
        : `${run.id}: best ${objective.title.toLowerCase()} ${valueText(bestValue)}, trial ${best}${bestRun ? ` = ${bestRun}` : ''}`;
    },
  };
}

/** Returns the finished search; null if it makes way for another job. */
async function search(
  context: JobContext,
  { continues, search: start, trained }: Start,
  report: Report,
  pause: AbortSignal,
  onStart: (id: string) => void,
): Promise<Run | null> {
  const { request, fixed } = start;
  const record = subjectRecord(request.subject);
  const spec: RunSpec = {
    name: 'search',
    kind: 'search',
    method: record.method,
    seed: request.seed,
    trainOn: request.subject.kind === 'rank' ? (request.subject.trainOn ?? null) : null,
    trained,
    parameters: { strategy: request.strategy, stopper: request.stopper, objective: start.objective.id },
    search: start,
    mainColumn: null,
    fingerprint: null,
    resume: false,
    continues,
  };
  const need = await mostNeed(context, request.subject, request.space, fixed);
  const { note } = slotsFor(request.parallel, need);
  const machine = slotsFor(mostParallel, need);
  const largest = need ? checkpointBytes(need) : 0;
  let isPaused = false;
  try {
    return await makeRun(context, spec, report, async (run) => {
      onStart(run.id);
      run.update({ search: start });
      if (note) run.note(note);
      if (4 * largest > request.diskMiB * 2 ** 20)
        run.note(
          `A checkpoint may take ${mebibytes(largest)}, and the limit is ${mebibytes(request.diskMiB * 2 ** 20)}: hardly any can be kept. A trial without one is trained again to become a run.`,
        );
      if (!defaultsIn(start))
        run.note(
          'The defaults lie outside of the space, so they are not a trial: whether the search improves on them cannot be judged.',
        );
      if (start.objective.id === 'auroc')
        run.note('The known truth chooses among the trials, so the AUROC of the best one on these images is too good.');
      if (start.warm.length) run.note(`Started from ${start.warm.length} earlier values of the same images.`);
      const executor = localExecutor(context, machine.slots);
      const loop = new TrialLoop(context, run, executor, report, { pause, checkpointBytes: largest });
      context.searches.set(run.id, {
        change: (change) => loop.change(change),
        stopTrial: (number) => loop.stopTrial(number),
      });
      try {
        const ended = await loop.run();
        if (ended === null) {
          isPaused = true;
          throw new WinnowError('job-running', 'It continues after the other jobs.');
        }
        return { facts: await conclude(context, run, ended, loop, report) };
      } finally {
        context.searches.delete(run.id);
        await executor.close();
      }
    });
  } catch (error) {
    if (isPaused) return null;
    throw error;
  }
}

/** Judges the best trial by its repeats, and makes it a run. */
async function conclude(
  context: JobContext,
  { id, note }: ActiveRun,
  ended: string,
  loop: TrialLoop,
  report: Report,
): Promise<Partial<Run>> {
  const { request, objective, best } = loop.state;
  const verdict = verdictOf(loop.trials, request, objective);
  const chosen = verdict?.repeated[0]?.trial ?? best;
  const facts = { seconds: loop.seconds };
  if (chosen === null) return { ...facts, search: { ...loop.state, ended, verdict } };
  const trial = trialOf(context, id, chosen);
  report.stage('Making the best trial a run', 0);
  const edges = atTheEdge(trial.parameters, request.space);
  if (edges.length)
    note(`The best trial lies at the edge of the range of ${edges.join(', ')}: a wider range may have better ones.`);
  // The job stays that of the search.
  const run = await keepTrial(context, id, trial, { ...report, run: () => undefined });
  return {
    ...facts,
    search: { ...loop.state, ended, verdict, best: chosen, bestValue: trial.value, bestRun: run.id },
  };
}

/** Numbers within so much of a bound are at the edge. */
const edge = 0.04;

/** The parameters whose best value lies at a bound that the person chose, not at one that nothing can lie beyond. */
const atTheEdge = (point: Assignment, space: Space): string[] =>
  Object.entries(point).flatMap(([name, value]) => {
    const domain = space[name];
    if (!domain || domain.type !== 'float') return [];
    const place = placeOf(domain, value);
    return (place < edge && domain.low !== 0) || place > 1 - edge ? [name] : [];
  });
