/** Searches for hyperparameters: starting, changing, watching, and what their surrogate says. */
import { z } from 'zod';
import { strategies } from '../../compute/search/index.ts';
import { stoppers } from '../../compute/search/stoppers.ts';
import { WinnowError } from '../../contract/errors.ts';
import { mainTrials } from '../../contract/trials.ts';
import { jobEnded } from '../../contract/types.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { keepTrialJob, searchOf, trainLongerJob, trialOf } from '../../jobs/search/keep.ts';
import { observedOf } from '../../jobs/search/observed.ts';
import { propose } from '../../jobs/search/propose.ts';
import { changedNow, resumeSearchJob, searchJob } from '../../jobs/search/search.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import type { CallContext } from './context.ts';

export function searchCalls(context: CallContext) {
  const { runs, trials, compute, searches } = context;

  /** What the surrogate is fitted to: trials up to this number. Throws `no-run`. */
  function evidence(id: string, upTo: number | null) {
    const state = searchOf(runs.get(id));
    const all = trials.list(id).filter(({ number }) => number <= (upTo ?? Infinity));
    const { strategy, settings, space, seed } = state.request;
    return {
      ...{ strategy, settings, space, seed },
      direction: state.objective.direction,
      observed: observedOf(state, all).filter((one) => one.state !== 'pending'),
      number: mainTrials(all).length + 1,
    };
  }

  /** The running or queued job of a search. */
  const jobOf = (id: string) =>
    context.jobs.list().find(({ kind, runId, state }) => kind === 'search' && runId === id && !jobEnded(state));

  return {
    options: () => ({
      strategies: strategies.map(({ id, title, summary, schema, hasSurrogate = false }) => ({
        id,
        title,
        summary,
        hasSurrogate,
        schema: z.toJSONSchema(schema, { io: 'input' }),
      })),
      stoppers: stoppers.map(({ id, title, summary }) => ({ id, title, summary, schema: {} })),
    }),
    propose: (subject) => propose(context, subject),
    start: (request) => context.start(searchJob, request),
    resume(request) {
      if (jobOf(request.id))
        throw new WinnowError('job-running', `${request.id} runs already, or waits for other jobs.`);
      return context.start(resumeSearchJob, request);
    },
    pause({ id }) {
      const job = jobOf(id);
      if (!job) throw new WinnowError('bad-request', `${id} does not run.`);
      context.jobs.cancel(job.id);
    },
    change({ id, change }) {
      const running = searches.get(id);
      if (running) return running.change(change);
      const run = { ...runs.get(id), search: changedNow(context, id, change) };
      runs.put(run);
      context.publishRun(run);
    },
    trials({ id }) {
      searchOf(runs.get(id));
      return trials.list(id);
    },
    stopTrial({ id, number }) {
      trialOf(context, id, number);
      const running = searches.get(id);
      if (!running) throw new WinnowError('bad-request', `${id} does not run.`);
      running.stopTrial(number);
    },
    keep: (request) => context.start(keepTrialJob, request),
    trainLonger: (request) => context.start(trainLongerJob, request),
    async importance({ id }) {
      return asked(compute.call('importance', evidence(id, null)));
    },
    async surrogate({ id, parameter, second, upTo }) {
      const args = evidence(id, upTo);
      for (const name of [parameter, ...(second === null ? [] : [second])])
        if (!args.space[name]) throw new WinnowError('bad-request', `${id} does not search ‘${name}’.`);
      return asked(compute.call('surrogate', { ...args, parameter, second }));
    },
  } satisfies WorkspaceCalls['search'];
}

/** The answer of the compute process. Throws WinnowError. */
const asked = <Answer>(call: Promise<Answer>): Promise<Answer> =>
  call.catch((error: unknown) => {
    throw toWinnowError(error);
  });
