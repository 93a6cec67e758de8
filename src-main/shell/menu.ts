/** The native menu: the actions that the page registers, plus the standard items of an application. */
import type { MenuItemConstructorOptions as Item } from 'electron';
import type { MenuItem, MenuName } from '../contract/shell.ts';

/** Keys that have another name in Electron. */
const names: Readonly<Record<string, string>> = {
  ctrl: 'CmdOrCtrl',
  arrowup: 'Up',
  arrowdown: 'Down',
  arrowleft: 'Left',
  arrowright: 'Right',
  pageup: 'PageUp',
  pagedown: 'PageDown',
  enter: 'Return',
  ' ': 'Space',
};
/** Keys that Electron accepts in accelerators: printable ASCII and named keys. */
const isKnown = (part: string) =>
  /^([!-~]|f([1-9]|1\d|2[0-4])|shift|tab|backspace|delete|insert|home|end|escape)$/.test(part) || part in names;

/** `ctrl+shift+z` as `CmdOrCtrl+Shift+Z`; null if the menu cannot show the key. */
export function acceleratorOf(key: string, platform: NodeJS.Platform): string | null {
  const [, modifiers, last] = /^((?:ctrl\+)?(?:shift\+)?)(.+)$/.exec(key) ?? [];
  if (!last || !isKnown(last)) return null;
  // On macOS the menu intercepts its keys before the page, so a plain letter could no longer be typed.
  if (platform === 'darwin' && !modifiers.startsWith('ctrl') && !/^f\d/.test(last)) return null;
  const parts = [...modifiers.split('+').filter(Boolean), last];
  return parts.map((part) => names[part] ?? (part === '+' ? 'Plus' : part[0].toUpperCase() + part.slice(1))).join('+');
}

export function menuTemplate(
  items: readonly MenuItem[],
  platform: NodeJS.Platform,
  on: { perform(id: string): void; openWindow(): void },
): Item[] {
  /** The actions of one menu, a separator between groups. */
  const actionsOf = (menu: MenuName): Item[] =>
    items
      .filter((item) => item.menu === menu)
      .flatMap(({ id, group, title, key }, i, list) => {
        const accelerator = key === null ? null : acceleratorOf(key, platform);
        const item: Item = {
          id,
          label: title,
          click: () => on.perform(id),
          ...(accelerator ? { accelerator, registerAccelerator: false } : {}),
        };
        return i > 0 && list[i - 1].group !== group ? [{ type: 'separator' }, item] : [item];
      });
  const line: Item = { type: 'separator' };
  const roles = (...list: Item['role'][]): Item[] => list.map((role) => ({ role }));
  return [
    ...(platform === 'darwin' ? roles('appMenu') : []),
    {
      label: 'File',
      submenu: [
        ...actionsOf('File'),
        line,
        { label: 'New window', click: on.openWindow },
        ...roles(platform === 'darwin' ? 'close' : 'quit'),
      ],
    },
    { label: 'Edit', submenu: [...actionsOf('Edit'), line, ...roles('cut', 'copy', 'paste')] },
    {
      label: 'View',
      submenu: [
        ...actionsOf('View'),
        line,
        ...roles('zoomIn', 'zoomOut', 'resetZoom', 'togglefullscreen', 'toggleDevTools'),
      ],
    },
    { label: 'Help', submenu: actionsOf('Help') },
  ];
}
