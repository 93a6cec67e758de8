import type { LayerSurvey, UnitSurvey } from '../contract/inside.ts';
import { WinnowError } from '../contract/errors.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';

export const surveyJob: JobType<{ run: string }> = {
  kind: 'survey',
  prepare() {
    throw new WinnowError('failed', 'Not built.');
  },
};
export function layerSurveyOf(_context: JobContext, _request: { run: string; layer: string }): LayerSurvey | null {
  return null;
}
export function unitSurveyOf(
  _context: JobContext,
  _request: { run: string; layer: string; unit: number },
): UnitSurvey | null {
  return null;
}
