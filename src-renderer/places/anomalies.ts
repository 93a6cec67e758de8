/** Images sorted by the score of a ranking: those above a threshold, or all; or the comparison of the scores with the truth. */
import ScanEye from '@lucide/svelte/icons/scan-eye';
import Evaluation from '../panels/Evaluation.svelte';
import Gallery from '../panels/Gallery.svelte';
import Method from '../panels/Method.svelte';
import Scores from '../panels/Scores.svelte';
import { Judgement } from '../state/judgement.svelte.ts';
import type { Place } from '../state/place.ts';
import type { View } from '../state/view.svelte.ts';

const isEvaluating = (view: View) => Judgement.of(view.session, view).isOpen;

export const anomalies: Place = {
  id: 'anomalies',
  title: 'Anomalies',
  icon: ScanEye,
  keys: ['n'],
  left: { title: 'Method', panel: Method },
  middle: (view) => (isEvaluating(view) ? Evaluation : Gallery),
  isBrowsing: (view) => !isEvaluating(view),
  reopen: (view) => Judgement.of(view.session, view).close(),
  bottom: Scores,
  lens: ({ ranked, mostFirst, threshold, flaggedOnly, opinions }) =>
    ranked && {
      column: ranked.column,
      descending: mostFirst,
      order: opinions.order,
      threshold: threshold.score,
      isFiltering: flaggedOnly,
      run: ranked,
    },
};
