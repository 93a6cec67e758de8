/** The type of an action: one record with its title, keys, context and function. */
import type { MenuName } from '../../src-main/contract/shell.ts';
import type { Context } from './contexts.ts';

export interface Action {
  id: string;
  title: string;
  /** Other words that find it in the palette. */
  keywords?: readonly string[];
  /** Default keys as `keyName` writes them: `event.key` in lower case after `ctrl+` (Cmd on a Mac) and `shift+`. */
  keys: readonly string[];
  group: 'Decide' | 'Move' | 'Select' | 'Look' | 'Places' | 'Train' | 'Folder';
  /** Where it applies. */
  context: Context;
  /** An additional condition. */
  when?(): boolean;
  run(): void | Promise<void>;
  /** Available by keys only: it is not listed in the palette. */
  keyOnly?: true;
  /** The native menu that lists it. */
  menu?: MenuName;
  /** It opens a dialog: its menu title ends with an ellipsis. */
  opensDialog?: true;
}
