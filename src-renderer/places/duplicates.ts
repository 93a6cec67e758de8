/** Groups of duplicates and near duplicates. */
import Copy from '@lucide/svelte/icons/copy';
import Duplicates from '../panels/Duplicates.svelte';
import type { Place } from '../state/place.ts';

export const duplicates: Place = {
  id: 'duplicates',
  title: 'Duplicates',
  icon: Copy,
  keys: ['b'],
  left: null,
  middle: () => Duplicates,
  isList: true,
  badge: ({ groups }) => ({ count: groups.length, isWarning: false }),
};
