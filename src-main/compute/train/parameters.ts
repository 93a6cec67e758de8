/** Parameters of any training. */
import { z } from 'zod';

/** `usual`: the default; `meta`: further properties of the form's field. */
export const minStepsParameter = (usual = 8, meta: Record<string, unknown> = {}) =>
  z
    .int()
    .min(1)
    .max(1000)
    .default(usual)
    .describe('Minimum steps per epoch: a small set is repeated.')
    .meta({ title: 'Minimum steps per epoch', advanced: true, ...meta });
