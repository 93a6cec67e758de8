/** State of the place Experiments: its tab. It is kept while other places are open. */
import { perView } from './per-view.svelte.ts';

export type ExperimentsTab = 'runs' | 'compare' | 'search';

export const experimentsTabs: readonly { id: ExperimentsTab; title: string }[] = [
  { id: 'runs', title: 'Runs' },
  { id: 'compare', title: 'Compare' },
  { id: 'search', title: 'Search' },
];

export class Experiments {
  static readonly of = perView(() => new Experiments());

  tab = $state<ExperimentsTab>('runs');
}
