/** The registry of scorers. A new scorer is one file and one entry here. Importing this module loads no tensors. */
import { autoOf } from './auto.ts';
import { convAe } from './conv-ae.ts';
import { featureAe } from './feature-ae.ts';
import { gaussian } from './gaussian.ts';
import { mlpAe } from './mlp-ae.ts';
import { nearestImages } from './nearest.ts';
import { padim } from './padim.ts';
import { patchMemory } from './patch-memory.ts';
import { pca } from './pca.ts';
import type { Scorer } from './scorer.ts';

/** What `auto` combines, from fast to slow. The one that knows the place counts as much as the two that do not: these resemble each other. */
const auto = autoOf([
  { scorer: gaussian, name: 'Gaussian of embeddings', weight: 1 },
  { scorer: padim, name: 'Gaussian of patches by place', weight: 2 },
  { scorer: patchMemory, name: 'nearest patches', weight: 1 },
]);

export const scorers: readonly Scorer[] = [
  auto,
  convAe,
  mlpAe,
  pca,
  nearestImages,
  gaussian,
  padim,
  patchMemory,
  featureAe,
];

/** Undefined if no scorer has this id. */
export const scorerOf = (id: string): Scorer | undefined => scorers.find((scorer) => scorer.id === id);

export type { Scorer } from './scorer.ts';
