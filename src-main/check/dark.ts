/** Underexposure, by the 99th percentile of the brightest channel: a night scene with lamps has bright pixels, an underexposed photo has none. */
import { scoreAbove, type Check } from './check.ts';

export const dark: Check = {
  id: 'dark',
  title: 'Dark',
  summary: 'Underexposed: even the brightest parts are nearly black.',
  threshold: 0.5,
  score: (input) =>
    scoreAbove(
      input.values('highlights').map((highlights) => -highlights),
      -0.27,
      0.04,
    ),
};
