/** The layer that a map is made of, if a person chooses none. */
import type { Layer } from '../models/scope.ts';
import { mappable, placesOf } from './methods/layer-maps.ts';
import type { OpenSubject } from './subject.ts';

/**
 * The last layer with at least this many places along each side, if there is one: late layers have the meaning, early ones the resolution. In a transformer, the
 * normalisation before the last attention, since the class token alone is read after it. In an autoencoder, the code.
 */
export function chooseLayer({ code }: OpenSubject, layers: readonly Layer[], wantedPlaces: number): Layer | null {
  const coded = layers.find(({ name }) => name === code);
  if (coded && placesOf(coded)) return coded;
  const candidates = mappable(layers);
  const attention = layers.findLast(({ kind }) => kind === 'attention');
  if (attention) {
    const before = attention.name.replace(/attention$/, 'before');
    return candidates.find(({ name }) => name === before) ?? candidates.at(-1) ?? null;
  }
  const ends = candidates.filter(({ kind }) => kind !== 'max pooling');
  const side = (layer: Layer): number => {
    const { rows, columns } = placesOf(layer)!;
    return Math.min(rows, columns);
  };
  return ends.findLast((layer) => side(layer) >= wantedPlaces) ?? ends.at(-1) ?? null;
}
