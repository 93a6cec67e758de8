/** Underexposed, by the 99th percentile of the strongest channel: a night scene with lamps has some light, an underexposed photo none. */
import { standOut, type Check } from './check.ts';

export const dark: Check = {
  id: 'dark',
  title: 'Dark',
  summary: 'Underexposed: even the brightest parts are nearly black.',
  threshold: 0.5,
  score: (input) =>
    standOut(
      input.values('highlights').map((highlights) => -highlights),
      -0.27,
      0.04,
    ),
};
