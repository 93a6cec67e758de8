/** All calls of a workspace. Each group is in its own file. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { checkCalls } from './checks.ts';
import { classifierCalls } from './classifier.ts';
import type { CallContext } from './context.ts';
import { duplicateCalls } from './duplicates.ts';
import { evaluationCalls } from './evaluation.ts';
import { exportCalls } from './exports.ts';
import { insideCalls } from './inside.ts';
import { jobCalls } from './jobs.ts';
import { journalCalls } from './journal.ts';
import { labelCalls } from './labels.ts';
import { runCalls } from './runs.ts';
import { sampleCalls } from './samples.ts';
import { searchCalls } from './search.ts';
import { viewCalls } from './views.ts';
import { watchCalls } from './watch.ts';
import { workspaceCalls } from './workspace.ts';

export const callsOf = (context: CallContext) =>
  ({
    workspace: workspaceCalls(context),
    classifier: classifierCalls(context),
    labels: labelCalls(context),
    samples: sampleCalls(context),
    checks: checkCalls(context),
    duplicates: duplicateCalls(context),
    views: viewCalls(context),
    journal: journalCalls(context),
    jobs: jobCalls(context),
    watch: watchCalls(context),
    runs: runCalls(context),
    inside: insideCalls(context),
    search: searchCalls(context),
    evaluation: evaluationCalls(context),
    exports: exportCalls(context),
  }) satisfies WorkspaceCalls;
