/** Parameters of any training. */
import { z } from 'zod';

/** `meta`: further properties of the form's field. */
export const minStepsParameter = (meta: Record<string, unknown> = {}) =>
  z
    .int()
    .min(1)
    .max(1000)
    .default(8)
    .describe('Minimum steps per epoch: a small set is repeated.')
    .meta({ title: 'Minimum steps per epoch', advanced: true, ...meta });
