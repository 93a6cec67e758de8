/** Menu items for the native menu: titles and current keys of the actions. */
import type { MenuItem } from '../../src-main/contract/shell.ts';
import { actions, keysOf } from './registry.ts';

export const menuItems = (): MenuItem[] =>
  actions.flatMap((action) =>
    action.menu
      ? {
          id: action.id,
          menu: action.menu,
          group: action.group,
          title: action.opensDialog ? `${action.title}…` : action.title,
          key: keysOf(action)[0] ?? null,
        }
      : [],
  );
