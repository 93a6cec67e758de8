/** Names of keys: in events, in actions (`ctrl+shift+z`), and for users (`Ctrl Shift Z`). */

const isMac = /mac/i.test(navigator.userAgent);
const signs: Record<string, string> = {
  ctrl: isMac ? '⌘' : 'Ctrl',
  arrowup: '↑',
  arrowdown: '↓',
  arrowleft: '←',
  arrowright: '→',
  ' ': 'Space',
  escape: 'Esc',
  pageup: 'Page ↑',
  pagedown: 'Page ↓',
};

export const shownKey = (key: string) =>
  key === '+'
    ? key
    : key
        .split('+')
        .map((part) => signs[part] ?? (part.length > 1 ? part[0].toUpperCase() + part.slice(1) : part.toUpperCase()))
        .join(' ');

/** The name of a pressed key; null for a modifier alone. */
export function keyName(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey'>): string | null {
  const key = event.key.toLowerCase();
  if (['control', 'meta', 'shift', 'alt', 'dead', 'process'].includes(key)) return null;
  // A symbol that needs Shift on some keyboards is named without Shift.
  const shift = event.shiftKey && (key.length > 1 || /[a-z ]/.test(key));
  return `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** Combinations with Ctrl that edit the text in a field. */
const textKeys = /^ctrl\+(a|c|v|x|y|z|shift\+z|backspace|delete|home|end|(shift\+)?arrow\w+)$/;
/** Combinations that are commands also in a field. */
export const isFieldCommand = (key: string) => (key.startsWith('ctrl+') && !textKeys.test(key)) || /^f\d+$/.test(key);
/** Keys that a closed select element uses itself; letters are commands. */
export const isListKey = (key: string) =>
  /^(shift\+)?(arrow\w+|home|end|pageup|pagedown|enter|escape|tab| |f4)$/.test(key);

/** For a slider: the keys that move it are no commands. */
export const keepListKeys = (event: KeyboardEvent) => {
  const key = keyName(event);
  if (key !== null && isListKey(key)) event.stopPropagation();
};
