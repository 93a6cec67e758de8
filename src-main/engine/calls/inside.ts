/** Looks inside networks: what they consist of, and jobs over all images. Answers with arrays are in `inside-arrays.ts`. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { ExplainedFiles } from '../../contract/export-types.ts';
import { evidenceJob } from '../../jobs/inside-evidence.ts';
import { explainFilesJob } from '../../jobs/inside-files.ts';
import { resolveSubject, subjectsOf } from '../../jobs/inside-subject.ts';
import { layerSurveyOf, surveyJob, unitSurveyOf } from '../../jobs/inside-survey.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import type { CallContext } from './context.ts';

export function insideCalls(context: CallContext) {
  const written = new Map<number, ExplainedFiles>();
  const keep = (jobId: number, result: ExplainedFiles) => {
    const listed = new Set(context.jobs.list().map(({ id }) => id));
    for (const id of written.keys()) if (!listed.has(id)) written.delete(id);
    written.set(jobId, result);
  };
  const called = <Result>(result: Promise<Result>): Promise<Result> =>
    result.catch((error: unknown) => {
      throw toWinnowError(error);
    });
  return {
    subjects: () => subjectsOf(context),
    network: ({ run }) =>
      called(context.compute.call('networkView', { subject: resolveSubject(context, run).ref, id: run })),
    methods: ({ run }) =>
      called(context.compute.call('explanationMethods', { subject: resolveSubject(context, run).ref })),
    survey: (request) => context.start(surveyJob, request),
    layer: (request) => layerSurveyOf(context, request),
    unit: (request) => unitSurveyOf(context, request),
    evidence: (request) => context.start(evidenceJob, request),
    writeExplanations: (request) => context.start(explainFilesJob(keep), request),
    written: ({ jobId }) => written.get(jobId) ?? null,
  } satisfies WorkspaceCalls['inside'];
}
