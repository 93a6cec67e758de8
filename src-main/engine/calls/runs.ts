/** The runs of a workspace. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

export const runCalls = ({ runs }: CallContext) =>
  ({
    list: () => runs.list(),
    get: ({ id }) => runs.get(id),
  }) satisfies WorkspaceCalls['runs'];
