/** Grid search: all combinations of a few evenly spaced values, each once. */
import { z } from 'zod';
import { gridPoints } from './grid-points.ts';
import { defineStrategy } from './strategy.ts';
import { keyOf, triedKeys } from './tried.ts';

export const gridSearch = defineStrategy({
  id: 'grid',
  title: 'Grid',
  summary:
    'All combinations of a few values of each parameter. Complete, but the number of trials multiplies with each parameter.',
  schema: z.object({
    points: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe(
        'How many values of each number are tried, from its lower to its upper bound. Categories have all their values.',
      )
      .meta({ title: 'Values per number' }),
  }),
  suggest({ space, observed, settings: { points } }) {
    const tried = triedKeys(space, observed);
    const next = gridPoints(space, points).find((point) => !tried.has(keyOf(space, point)));
    return { parameters: next ?? null, expected: null, isExhausted: !next };
  },
});
