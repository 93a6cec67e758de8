/** Files with more than one frame or page. Winnow uses only the first, which may not represent the file. */
import type { Check } from './check.ts';

export const animated: Check = {
  id: 'animated',
  title: 'Animated',
  summary: 'More than one frame or page. Winnow reads only the first.',
  threshold: 0.5,
  score: (input) => input.values('frames').map((frames) => (frames > 1 ? 1 - 1 / frames : frames >= 0 ? 0 : NaN)),
};
