/** The shape of an action: one record says what it is called, its keys, where it applies and what it does. */
import type { MenuName } from '../../src-main/contract/shell.ts';
import type { Context } from './contexts.ts';

export interface Action {
  id: string;
  title: string;
  /** Default keys as `keyName` writes them: `event.key` in lower case after `ctrl+` (Cmd on a Mac) and `shift+`. */
  keys: readonly string[];
  group: 'Decide' | 'Move' | 'Select' | 'Look' | 'Places' | 'Train' | 'Folder';
  /** Where it applies. */
  context: Context;
  /** What must hold besides. */
  when?(): boolean;
  run(): void | Promise<void>;
  /** Its keys are the only way to it: it is not in the palette. */
  keyOnly?: true;
  /** The native menu that it is in. */
  menu?: MenuName;
  /** It asks for more in a dialog: its title in a menu ends with an ellipsis. */
  opensDialog?: true;
}
