/** Every command once: its name, its keys, when it makes sense, what it does. Keys, menu, buttons and the sheet of keys all read this. */
import { shell } from './lib/engine.ts';
import { app } from './state/app.svelte.ts';
import { settings } from './state/settings.svelte.ts';
import type { Place } from './state/view.svelte.ts';

export interface Action {
  id: string;
  title: string;
  /** As `event.key`, lower case; `ctrl+` is Cmd on a Mac. */
  keys: readonly string[];
  group: 'Folder' | 'Decide' | 'Move' | 'View';
  when(): boolean;
  run(): void | Promise<void>;
}

const browsing = () => app.view !== null && app.view.place !== 'issues';
const chosen = () => browsing() && app.view !== null && (app.view.current !== null || app.view.selection.size > 0);
const go = (place: Place) => () => {
  if (app.view) app.view.place = place;
};

export const actions: readonly Action[] = [
  { id: 'keep', title: 'Keep', keys: ['p', 'k'], group: 'Decide', when: chosen, run: () => app.view?.decide('keep') },
  { id: 'reject', title: 'Reject', keys: ['x'], group: 'Decide', when: chosen, run: () => app.view?.decide('reject') },
  { id: 'unsure', title: 'Unsure', keys: ['u'], group: 'Decide', when: chosen, run: () => app.view?.decide('unsure') },
  { id: 'clear', title: 'Back to undecided', keys: ['backspace', 'delete'], group: 'Decide', when: chosen, run: () => app.view?.decide(null) },
  { id: 'undo', title: 'Undo', keys: ['ctrl+z'], group: 'Decide', when: () => app.session?.journal.undo != null, run: () => app.session?.step('undo') },
  { id: 'redo', title: 'Redo', keys: ['ctrl+shift+z', 'ctrl+y'], group: 'Decide', when: () => app.session?.journal.redo != null, run: () => app.session?.step('redo') },
  { id: 'left', title: 'Previous image', keys: ['arrowleft', 'a'], group: 'Move', when: browsing, run: () => app.view?.move(-1) },
  { id: 'right', title: 'Next image', keys: ['arrowright', 'd'], group: 'Move', when: browsing, run: () => app.view?.move(1) },
  { id: 'up', title: 'Row above', keys: ['arrowup'], group: 'Move', when: browsing, run: () => app.view?.move(-app.view.tilesInRow) },
  { id: 'down', title: 'Row below', keys: ['arrowdown'], group: 'Move', when: browsing, run: () => app.view?.move(app.view.tilesInRow) },
  { id: 'extend-left', title: 'Extend selection back', keys: ['shift+arrowleft'], group: 'Move', when: browsing, run: () => app.view?.move(-1, true) },
  { id: 'extend-right', title: 'Extend selection on', keys: ['shift+arrowright'], group: 'Move', when: browsing, run: () => app.view?.move(1, true) },
  { id: 'first', title: 'First image', keys: ['home'], group: 'Move', when: browsing, run: () => app.view?.move(-Infinity) },
  { id: 'last', title: 'Last image', keys: ['end'], group: 'Move', when: browsing, run: () => app.view?.move(Infinity) },
  { id: 'select-all', title: 'Select all shown', keys: ['ctrl+a'], group: 'Move', when: browsing, run: () => app.view?.selectAll() },
  { id: 'deselect', title: 'Select none', keys: ['escape'], group: 'Move', when: () => browsing() && (app.view?.selection.size ?? 0) > 0, run: () => app.view?.clearSelection() },
  { id: 'open', title: 'Open folder', keys: ['ctrl+o'], group: 'Folder', when: () => true, run: () => (shell ? app.choose() : app.closeFolder()) },
  { id: 'scan', title: 'Scan again', keys: ['f5'], group: 'Folder', when: () => app.session !== null && app.session.running === null, run: () => app.session?.scan() },
  { id: 'export', title: 'Export', keys: ['ctrl+e'], group: 'Folder', when: () => (app.session?.samples.length ?? 0) > 0, run: () => void (app.dialog = 'export') },
  { id: 'gallery', title: 'Gallery', keys: ['g'], group: 'View', when: () => app.view !== null, run: go('gallery') },
  { id: 'anomalies', title: 'Anomalies', keys: ['n'], group: 'View', when: () => app.view !== null, run: go('anomalies') },
  { id: 'issues', title: 'Issues', keys: ['i'], group: 'View', when: () => app.view !== null, run: go('issues') },
  { id: 'theme', title: 'Dark or light', keys: ['ctrl+shift+l'], group: 'View', when: () => true, run: () => settings.toggleTheme() },
  { id: 'keys', title: 'Keys', keys: ['?'], group: 'View', when: () => true, run: () => void (app.dialog = 'keys') },
];

const byId = new Map(actions.map((action) => [action.id, action]));
const byKey = new Map(actions.flatMap((action) => action.keys.map((key) => [key, action] as const)));

export function perform(id: string) {
  const action = byId.get(id);
  if (action?.when()) void action.run();
}

const isMac = /mac/i.test(navigator.userAgent);

/** As people write it: `Ctrl Shift Z`. */
export const shownKey = (key: string) => key.split('+').map((part) =>
  part === 'ctrl' ? (isMac ? '⌘' : 'Ctrl') : part.startsWith('arrow') ? { up: '↑', down: '↓', left: '←', right: '→' }[part.slice(5)] : part.length > 1 ? part[0].toUpperCase() + part.slice(1) : part.toUpperCase()).join(' ');

export const keyOf = (id: string) => shownKey(byId.get(id)?.keys[0] ?? '');

/** Listens to the keyboard for the whole page. Typing into a field is typing. */
export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const isTyping = target.matches('input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]');
    if (event.isComposing || isTyping || event.altKey || app.dialog !== null || target.closest('[data-own-keys]')) return;
    const key = event.key.toLowerCase();
    const modifiers = `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${event.shiftKey && key !== '?' ? 'shift+' : ''}`;
    const action = byKey.get(modifiers + key);
    if (!action?.when()) return;
    event.preventDefault();
    void action.run();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}
