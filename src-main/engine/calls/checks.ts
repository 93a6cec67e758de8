/** Quality checks, their thresholds, and findings about the data set. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

export const checkCalls = ({ quality, edit }: CallContext) =>
  ({
    list: () => quality.list(),
    findings: () => quality.findings(),
    setThreshold: ({ check, threshold }) =>
      edit({ do: 'threshold', check, threshold }, { settings: [[quality.thresholdKey(check), threshold]] }, () =>
        threshold === null ? `reset the threshold of ${check}` : `set the threshold of ${check} to ${threshold}`,
      ),
  }) satisfies WorkspaceCalls['checks'];
