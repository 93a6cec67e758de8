/** Adam with decoupled weight decay (Loshchilov & Hutter 2019). */
import { z } from 'zod';
import { adamParameters, startAdam } from './adam.ts';
import type { OptimizerRecord } from './optimizer.ts';

const schema = z.object({
  ...adamParameters,
  weightDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .describe('Decoupled weight decay of the kernels.')
    .meta({ title: 'Weight decay', advanced: true }),
});

export const adamw: OptimizerRecord<z.infer<typeof schema>> = {
  id: 'adamw',
  title: 'AdamW',
  schema,
  slots: () => ['mean', 'square'],
  start: (params, size, decayed) => startAdam(params, size, decayed, true),
};
