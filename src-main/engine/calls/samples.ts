/** The table: changes of samples, columns, unreadable files, and the search for similar images. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { similarityJob } from '../../jobs/similarity.ts';
import type { CallContext } from './context.ts';

export const sampleCalls = (context: CallContext) =>
  ({
    findSimilar: (request) => context.start(similarityJob, request),
    changes: ({ since, limit }) => context.table.changes(since, limit),
    columns: () => context.table.columns(),
    values: ({ id, columns }) => context.table.valuesOf(id, columns),
    issues: () => context.table.issues(),
  }) satisfies WorkspaceCalls['samples'];
