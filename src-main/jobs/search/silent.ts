/** A report for work whose progress is not shown: that of single trials. */
import type { Report } from '../../workspace/report.ts';

export const silent = (signal: AbortSignal): Report => ({
  signal,
  stage: () => undefined,
  progress: () => undefined,
  run: () => undefined,
});
