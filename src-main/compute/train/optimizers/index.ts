/** The registry of optimizers. A new one is one file and one entry here. */
import { adam } from './adam.ts';
import { adamw } from './adamw.ts';
import type { Optimizer, OptimizerRecord } from './optimizer.ts';
import type { Spans } from '../../ops/update.ts';
import { rmsprop } from './rmsprop.ts';
import { sgd } from './sgd.ts';

export const optimizers = [sgd, adam, adamw, rmsprop] as unknown as OptimizerRecord[];

/** Starts an optimizer for `size` weights. `decayed`: the spans with weight decay. Throws if there is no such optimizer or a parameter is invalid. */
export function startOptimizer(id: string, params: Record<string, unknown>, size: number, decayed: Spans): Optimizer {
  const record = optimizers.find((o) => o.id === id);
  if (!record) throw new Error(`There is no optimizer '${id}'. There are: ${optimizers.map((o) => o.id).join(', ')}.`);
  return record.start(record.schema.parse(params), size, decayed);
}
