/** The job queue. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

export const jobCalls = ({ jobs }: CallContext) =>
  ({
    list: () => jobs.list(),
    cancel: ({ id }) => jobs.cancel(id),
    move: ({ id, to }) => jobs.move(id, to),
  }) satisfies WorkspaceCalls['jobs'];
