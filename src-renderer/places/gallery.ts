/** All images that pass the filter, in the chosen order. */
import LayoutGrid from '@lucide/svelte/icons/layout-grid';
import Facets from '../panels/Facets.svelte';
import Gallery from '../panels/Gallery.svelte';
import type { Place } from '../state/place.ts';

export const gallery: Place = {
  id: 'gallery',
  title: 'Gallery',
  icon: LayoutGrid,
  keys: ['g'],
  left: { title: 'Filters', panel: Facets },
  middle: () => Gallery,
};
