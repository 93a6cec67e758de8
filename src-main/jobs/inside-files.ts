import type { ExplainedFiles } from '../contract/export-types.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ExplainFilesRequest } from '../contract/schemas.ts';
import type { JobType } from './job-type.ts';

export const explainFilesJob = (
  _keep: (jobId: number, result: ExplainedFiles) => void,
): JobType<ExplainFilesRequest> => ({
  kind: 'explain',
  prepare() {
    throw new WinnowError('failed', 'Not built.');
  },
});
