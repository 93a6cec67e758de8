/** Checks of the images' quality, their thresholds, and findings about the whole set. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

export const checkCalls = ({ quality, edit }: CallContext) =>
  ({
    list: () => quality.list(),
    findings: () => quality.findings(),
    setThreshold: ({ check, threshold }) =>
      edit({ do: 'threshold', check, threshold }, { settings: [[quality.thresholdKey(check), threshold]] }, () =>
        threshold === null ? `threshold of ${check} back to its default` : `threshold of ${check} at ${threshold}`,
      ),
  }) satisfies WorkspaceCalls['checks'];
