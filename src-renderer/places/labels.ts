/** Labels that are probably wrong, each with a suggested class. */
import Tag from '@lucide/svelte/icons/tag';
import Labels from '../panels/Labels.svelte';
import Suspects from '../panels/Suspects.svelte';
import type { Place } from '../state/place.ts';

export const labels: Place = {
  id: 'labels',
  title: 'Labels',
  icon: Tag,
  keys: ['e'],
  left: { title: 'Labels', panel: Labels },
  middle: () => Suspects,
  isList: true,
  reviewsLabels: true,
  badge: ({ labelQueue }) => ({ count: labelQueue?.suspects.length ?? 0, isWarning: false }),
};
