/** All actions. Keys, native menu, palette, tooltips and the dialog of keys come from these records. */
import type { Action } from './action.ts';
import { decide } from './decide.ts';
import { folder } from './folder.ts';
import { lookInside } from './inside.ts';
import { look } from './look.ts';
import { move } from './move.ts';
import { toPlaces } from './places.ts';
import { select } from './select.ts';
import { searches } from './search.ts';
import { train } from './train.ts';

export const records: readonly Action[] = [
  ...decide,
  ...move,
  ...select,
  ...look,
  ...lookInside,
  ...toPlaces,
  ...train,
  ...searches,
  ...folder,
];
