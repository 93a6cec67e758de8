/** Keyboard handling: the focused element may use a key itself; otherwise the key's action runs. */
import { isFieldCommand, isListKey, keyName } from '../lib/keys.ts';
import { app } from '../state/app.svelte.ts';
import { actionOf, isEnabled } from './registry.ts';

/** Does the element in focus use this key itself? Text typed into a field is text. An open menu (`data-own-keys`) keeps all keys; a control that uses only some stops those. */
function isKept(key: string, target: HTMLElement): boolean {
  if (isFieldCommand(key)) return false;
  if (target.matches('select')) return isListKey(key);
  return (
    target.matches('input:not([type=range], [type=checkbox]), textarea, [contenteditable]') ||
    target.closest('[data-own-keys]') !== null
  );
}

function onKey(event: KeyboardEvent) {
  const target = event.target as HTMLElement;
  const key = keyName(event);
  if (key === null || event.isComposing || event.altKey || app.dialog !== null || isKept(key, target)) return;
  // Enter and Space press a button that has the focus.
  if ((key === 'enter' || key === ' ') && target.matches('button:not([role=option]), a, summary')) return;
  const action = actionOf(key);
  if (!action || !isEnabled(action)) return;
  event.preventDefault();
  void action.run();
}

/** Listens until the returned function is called. */
export function listenToKeys(): () => void {
  // A select that was used with the pointer returns the focus; with the keyboard, the person may want the next option.
  let isPointed = false;
  const onChange = ({ target }: Event) => {
    if (isPointed && app.dialog === null && target instanceof HTMLSelectElement) target.blur();
  };
  const listeners = Object.entries({
    keydown: (event: Event) => {
      isPointed = false;
      onKey(event as KeyboardEvent);
    },
    pointerdown: () => (isPointed = true),
    change: onChange,
  });
  for (const [name, listener] of listeners) addEventListener(name, listener);
  return () => {
    for (const [name, listener] of listeners) removeEventListener(name, listener);
  };
}
