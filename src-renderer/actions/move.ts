/** Steps from image to image. */
import type { Action } from './action.ts';
import { view } from './contexts.ts';

/** A step through images; in a comparison, from pane to pane or, by row, to the next images. */
const step =
  (by: number, byRow = false) =>
  () => {
    const { loupe } = view();
    if (!view().isBrowsing) {
      if (!view().current) view().move(0); // the first image is shown without a cursor
      return view().move(by);
    }
    if (loupe.isComparing) return byRow ? view().moveComparison(by) : loupe.step(by);
    view().move(byRow && loupe.mode === 'grid' ? by * view().tilesInRow : by);
  };

export const move: readonly Action[] = [
  { id: 'left', title: 'Previous image', keys: ['arrowleft', 'a'], group: 'Move', context: 'steps', run: step(-1) },
  { id: 'right', title: 'Next image', keys: ['arrowright', 'd'], group: 'Move', context: 'steps', run: step(1) },
  { id: 'up', title: 'Row above', keys: ['arrowup', 'w'], group: 'Move', context: 'images', run: step(-1, true) },
  { id: 'down', title: 'Row below', keys: ['arrowdown', 's'], group: 'Move', context: 'images', run: step(1, true) },
  {
    id: 'page-up',
    title: 'Page up',
    keys: ['pageup'],
    group: 'Move',
    context: 'grid',
    run: () => view().move(-5 * view().tilesInRow),
  },
  {
    id: 'page-down',
    title: 'Page down',
    keys: ['pagedown'],
    group: 'Move',
    context: 'grid',
    run: () => view().move(5 * view().tilesInRow),
  },
  {
    id: 'first',
    title: 'First image',
    keys: ['home'],
    group: 'Move',
    context: 'images',
    run: () => view().move(-Infinity),
  },
  {
    id: 'last',
    title: 'Last image',
    keys: ['end'],
    group: 'Move',
    context: 'images',
    run: () => view().move(Infinity),
  },
  {
    id: 'next-undecided',
    title: 'Next undecided',
    keys: ['j', 'ctrl+arrowright'],
    group: 'Move',
    context: 'images',
    run: () => view().nextUndecided(),
  },
];
