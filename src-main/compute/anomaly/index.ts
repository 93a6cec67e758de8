/** The scorers there are. Importing this loads no tensors: the records are for forms, flags and documents too. */
import { convAe } from './conv-ae.ts';
import { mlpAe } from './mlp-ae.ts';
import { pca } from './pca.ts';
import type { Scorer } from './scorer.ts';

export const scorers: readonly Scorer[] = [convAe, mlpAe, pca];

export function scorerOf(id: string): Scorer | undefined {
  return scorers.find((scorer) => scorer.id === id);
}

export type { Scorer } from './scorer.ts';
