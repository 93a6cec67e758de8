/** Comparing a ranking with the truth: the figures, and the job that compares maps with masks. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { evaluateJob, evaluate } from '../../jobs/evaluate.ts';
import { Masks } from '../../jobs/masks.ts';
import type { CallContext } from './context.ts';

export function evaluationCalls(context: CallContext) {
  const sources = { masks: new Masks(), imports: context.imports };
  return {
    judge: (request) => evaluate(context, sources, request),
    pixels: (request) => context.start(evaluateJob(sources), request),
  } satisfies WorkspaceCalls['evaluation'];
}
