/** Actions on the selection. */
import type { Action } from './action.ts';
import { view } from './contexts.ts';

/** One step back: from a large image to the grid, from a selection to none. */
const back = () => {
  if (view().loupe.mode !== 'grid') view().loupe.mode = 'grid';
  else view().clearSelection();
};

export const select: readonly Action[] = [
  {
    id: 'toggle',
    title: 'Select or deselect',
    keys: [' '],
    group: 'Select',
    context: 'cursor',
    run: () => view().toggleCurrent(),
  },
  {
    id: 'select-all',
    title: 'Select all shown',
    keys: ['ctrl+a'],
    group: 'Select',
    menu: 'Edit',
    context: 'images',
    run: () => view().selectAll(),
  },
  {
    id: 'invert',
    title: 'Invert selection',
    keys: ['ctrl+i'],
    group: 'Select',
    context: 'images',
    run: () => view().invertSelection(),
  },
  {
    id: 'extend-left',
    title: 'Extend selection backward',
    keys: ['shift+arrowleft'],
    group: 'Select',
    keyOnly: true,
    context: 'grid',
    run: () => view().move(-1, true),
  },
  {
    id: 'extend-right',
    title: 'Extend selection forward',
    keys: ['shift+arrowright'],
    group: 'Select',
    keyOnly: true,
    context: 'grid',
    run: () => view().move(1, true),
  },
  {
    id: 'extend-up',
    title: 'Extend selection up',
    keys: ['shift+arrowup'],
    group: 'Select',
    keyOnly: true,
    context: 'grid',
    run: () => view().move(-view().tilesInRow, true),
  },
  {
    id: 'extend-down',
    title: 'Extend selection down',
    keys: ['shift+arrowdown'],
    group: 'Select',
    keyOnly: true,
    context: 'grid',
    run: () => view().move(view().tilesInRow, true),
  },
  {
    id: 'back',
    title: 'Back to the grid, clear selection',
    keys: ['escape'],
    group: 'Select',
    context: 'images',
    when: () => view().loupe.mode !== 'grid' || view().selection.size > 0,
    run: back,
  },
];
