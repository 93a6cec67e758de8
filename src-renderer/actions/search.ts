/** Actions on searches for hyperparameters. */
import { app } from '../state/app.svelte.ts';
import { openSearchForm } from '../state/open-search.ts';
import { Search } from '../state/search.svelte.ts';
import type { Session } from '../state/session.svelte.ts';
import type { Action } from './action.ts';
import { view } from './contexts.ts';

const session = () => app.session as Session;
const search = () => Search.of(session(), view());

export const searches: readonly Action[] = [
  {
    id: 'search-parameters',
    title: 'Search for hyperparameters',
    keywords: ['hyperparameter search', 'grid search', 'random search', 'bayesian', 'sobol', 'optuna', 'sweep', 'tune'],
    keys: [],
    group: 'Train',
    context: 'folder',
    run: () =>
      openSearchForm(
        session(),
        view(),
        { anomalies: 'rank', train: 'train' }[view().place.id] as 'rank' | 'train' | undefined,
      ),
  },
  {
    id: 'pause-search',
    title: 'Pause the search',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: () => search().isRunning,
    run: () => void search().pause(),
  },
  {
    id: 'resume-search',
    title: 'Resume the search',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: () => search().run !== null && search().job === null,
    run: () => {
      openSearchForm(session(), view());
      void search().resume();
    },
  },
];
