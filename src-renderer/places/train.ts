/** Classifiers: settings, the running training, results. */
import GraduationCap from '@lucide/svelte/icons/graduation-cap';
import Train from '../panels/Train.svelte';
import Training from '../panels/Training.svelte';
import type { Place } from '../state/place.ts';

export const train: Place = {
  id: 'train',
  title: 'Train',
  icon: GraduationCap,
  keys: ['r'],
  left: { title: 'Train', panel: Train },
  middle: () => Training,
  isBrowsing: () => false,
};
