/** The scorers there are. Importing this loads no tensors: the records are for forms, flags and documents too. */
import { convAe } from './conv-ae.ts';
import { nearestImages, type EmbeddingScorer } from './nearest.ts';
import { mlpAe } from './mlp-ae.ts';
import { pca } from './pca.ts';
import type { Scorer } from './scorer.ts';

export const scorers: readonly Scorer[] = [convAe, mlpAe, pca];

/** Those that train nothing and score embeddings. */
export const embeddingScorers: readonly EmbeddingScorer[] = [nearestImages];

export const embeddingScorerOf = (id: string): EmbeddingScorer | undefined =>
  embeddingScorers.find((scorer) => scorer.id === id);

/** All methods of ranking, for forms and flags. */
export const methods: readonly Pick<Scorer, 'id' | 'title' | 'summary' | 'schema'>[] = [
  ...scorers,
  ...embeddingScorers,
];

export function scorerOf(id: string): Scorer | undefined {
  return scorers.find((scorer) => scorer.id === id);
}

export type { Scorer } from './scorer.ts';
