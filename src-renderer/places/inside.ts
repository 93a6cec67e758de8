/** The inside of a network: its layers, filters and feature maps, what its units answer to, and why it gave its output for an image. */
import Microscope from '@lucide/svelte/icons/microscope';
import Inside from '../panels/Inside.svelte';
import InsideImages from '../panels/InsideImages.svelte';
import InsideRun from '../panels/InsideRun.svelte';
import type { Place } from '../state/place.ts';

export const inside: Place = {
  id: 'inside',
  title: 'Inside',
  keywords: ['network', 'layers', 'filters', 'kernels', 'feature maps', 'activations', 'neurons', 'latent space'],
  icon: Microscope,
  keys: ['shift+i'],
  left: { title: 'Inside', panel: InsideRun },
  middle: () => Inside,
  bottom: InsideImages,
  isBrowsing: () => false,
  stepsThroughImages: true,
};
