/** Images sorted by the score of a ranking: those above a threshold, or all. */
import ScanEye from '@lucide/svelte/icons/scan-eye';
import Gallery from '../panels/Gallery.svelte';
import Method from '../panels/Method.svelte';
import Scores from '../panels/Scores.svelte';
import type { Place } from '../state/place.ts';

export const anomalies: Place = {
  id: 'anomalies',
  title: 'Anomalies',
  icon: ScanEye,
  keys: ['n'],
  left: { title: 'Method', panel: Method },
  middle: () => Gallery,
  bottom: Scores,
  lens: ({ scored, mostFirst, threshold, flaggedOnly, opinions }) =>
    scored && {
      column: scored.column,
      descending: mostFirst,
      order: opinions.order,
      threshold: threshold.score,
      isFiltering: flaggedOnly,
      run: scored,
    },
};
