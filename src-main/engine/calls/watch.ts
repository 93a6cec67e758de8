/** Watching the folder: new files are scored as they arrive. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

export const watchCalls = ({ watching }: CallContext) =>
  ({
    start: (request) => watching.start(request),
    stop: () => watching.stop(),
    state: () => watching.state,
    arrivals: ({ since, limit }) => watching.arrivals(since, limit),
  }) satisfies WorkspaceCalls['watch'];
