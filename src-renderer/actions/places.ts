/** One action per place: opens it with the grid. */
import { places } from '../places/index.ts';
import type { Action } from './action.ts';
import { view } from './contexts.ts';

export function enter(id: string) {
  if (view().place.id === id) view().place.reopen?.(view());
  view().go(id);
  view().loupe.mode = 'grid';
}

export const toPlaces: readonly Action[] = places.map(({ id, title, keywords, keys }) => ({
  id,
  title,
  keywords,
  keys,
  group: 'Places',
  menu: 'View',
  context: 'folder',
  run: () => enter(id),
}));
