/** Random search (Bergstra & Bengio 2012): every trial is an independent draw, uniform on the axis of each parameter. */
import { z } from 'zod';
import { activePart, drawAt } from '../../contract/space.ts';
import { random } from '../random.ts';
import { defineStrategy } from './strategy.ts';

export const randomSearch = defineStrategy({
  id: 'random',
  title: 'Random',
  summary: 'Independent random points. Simple, and better than a grid if only some parameters matter.',
  schema: z.object({}),
  suggest({ space, seed, number }) {
    const next = random('random search', seed, number);
    const point = Object.fromEntries(Object.entries(space).map(([name, domain]) => [name, drawAt(domain, next())]));
    return { parameters: activePart(space, point), expected: null, isExhausted: false };
  },
});
