import type { z } from 'zod';
import type { Arrays } from '../contract/arrays.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ClassMaps } from '../contract/inside.ts';
import type { evidenceSchema } from '../contract/schemas.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';

export const evidenceJob: JobType<z.infer<typeof evidenceSchema>> = {
  kind: 'evidence',
  prepare() {
    throw new WinnowError('failed', 'Not built.');
  },
};
export function classMapsOf(_context: JobContext, _request: { run: string }): Promise<Arrays<ClassMaps>> {
  return Promise.reject(new WinnowError('failed', 'Not built.'));
}
