/** Quasi-random search (Bousquet et al. 2017): points of the Sobol sequence with a random shift, which leave smaller gaps than random points. */
import { z } from 'zod';
import { quasiRandomPoint } from './quasi-random.ts';
import { defineStrategy } from './strategy.ts';

export const sobolSearch = defineStrategy({
  id: 'sobol',
  title: 'Quasi-random (Sobol)',
  summary: 'Evenly spread points. Better than random points with the same number of trials.',
  schema: z.object({}),
  suggest: ({ space, seed, number }) => ({
    parameters: quasiRandomPoint(space, seed, number),
    expected: null,
    isExhausted: false,
  }),
});
