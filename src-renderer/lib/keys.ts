/** Names of keys: as events give them, as actions write them (`ctrl+shift+z`), as people read them (`Ctrl Shift Z`). */

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
  // A sign that needs Shift on some keyboards is named without it.
  const shift = event.shiftKey && (key.length > 1 || /[a-z ]/.test(key));
  return `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** With Ctrl, but about the text in a field. */
const textKeys = /^ctrl\+(a|c|v|x|y|z|shift\+z|backspace|delete|home|end|(shift\+)?arrow\w+)$/;
/** These are commands in a field too. */
export const isFieldCommand = (key: string) => (key.startsWith('ctrl+') && !textKeys.test(key)) || /^f\d+$/.test(key);
/** What a closed list of choices does with keys itself; its letters are commands. */
export const isListKey = (key: string) =>
  /^(shift\+)?(arrow\w+|home|end|pageup|pagedown|enter|escape|tab| |f4)$/.test(key);
