/**
 * Pretrained features of patches as rows of the row store, for anomaly scorers: feature maps of two stages of the network, 28 × 28 patches of 152 numbers in float16.
 * A row takes 238 kB, so rows are only made when a scorer needs them, and the store removes the least recently used.
 */
import { usual, type Pretrained } from '../compute/models/pretrained.ts';
import type { RowRecipe } from '../rows/row-store.ts';
import { featureRecipe, type Source } from './embeddings.ts';

export const patchRecipe = ({ compute, folder }: Source, source: Pretrained = usual): RowRecipe => ({
  ...featureRecipe(folder, source, (bytes, signal) => compute.call('patches', { model: source.id, bytes }, { signal })),
  kind: 'patches',
  type: 'float16',
  shape: [source.patches.side, source.patches.side, source.patches.channels],
});
