/** All runs of the folder, their comparison, and searches for hyperparameters. */
import FlaskConical from '@lucide/svelte/icons/flask-conical';
import Experiments from '../panels/Experiments.svelte';
import ExperimentsSide from '../panels/ExperimentsSide.svelte';
import type { Place } from '../state/place.ts';

export const experiments: Place = {
  id: 'experiments',
  title: 'Experiments',
  keywords: ['runs', 'compare', 'hyperparameters', 'search', 'sweep', 'tune', 'grid', 'bayesian', 'trials'],
  icon: FlaskConical,
  keys: ['shift+x'],
  left: { title: 'Experiments', panel: ExperimentsSide },
  middle: () => Experiments,
  isBrowsing: () => false,
};
