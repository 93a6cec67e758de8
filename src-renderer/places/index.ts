/** The places of the window, in the order of the list. The first is open at the start. */
import type { Place } from '../state/place.ts';
import { anomalies } from './anomalies.ts';
import { duplicates } from './duplicates.ts';
import { experiments } from './experiments.ts';
import { gallery } from './gallery.ts';
import { inside } from './inside.ts';
import { issues } from './issues.ts';
import { labels } from './labels.ts';
import { map } from './map.ts';
import { train } from './train.ts';

export const places: readonly Place[] = [
  gallery,
  anomalies,
  issues,
  duplicates,
  labels,
  map,
  train,
  experiments,
  inside,
];
