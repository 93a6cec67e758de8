/** Images as points on a plane, similar ones close together. */
import ChartScatter from '@lucide/svelte/icons/chart-scatter';
import Facets from '../panels/Facets.svelte';
import MapPanel from '../panels/Map.svelte';
import type { Place } from '../state/place.ts';

export const map: Place = {
  id: 'map',
  title: 'Map',
  icon: ChartScatter,
  keys: ['m'],
  left: { title: 'Filters', panel: Facets },
  middle: () => MapPanel,
};
