/** Every command once: its name, its keys, when it makes sense, what it does. Keys, menu, buttons, the palette and the sheet of keys all read this. */
import { tick } from 'svelte';
import { shell } from './lib/engine.ts';
import { app } from './state/app.svelte.ts';
import { zoomStep } from './state/loupe.svelte.ts';
import type { Session } from './state/session.svelte.ts';
import { settings } from './state/settings.svelte.ts';
import { Suspects } from './state/suspects.svelte.ts';
import type { Training } from './state/training.svelte.ts';
import type { Place, View } from './state/view.svelte.ts';

export interface Action {
  id: string;
  title: string;
  /** As `event.key`, lower case; `ctrl+` is Cmd on a Mac. A person may choose others. */
  keys: readonly string[];
  group: 'Folder' | 'Decide' | 'Move' | 'Select' | 'Look' | 'Places' | 'Train';
  /** Not in the palette: makes sense only as a key. */
  keyOnly?: boolean;
  when(): boolean;
  run(): void | Promise<void>;
}

const training = () => app.training as Training;
const canTrain = () => app.training !== null && app.view !== null && app.view.classes.length > 1;
/** Also while it is not known yet: a key that comes before the engine's answer is no key less. */
const canStep = (which: 'undo' | 'redo') =>
  app.session !== null &&
  (app.session.journal[which] !== null || app.session.steps.saying + app.session.steps.unsaved > 0);
const view = () => app.view as View; // only where `when` has seen to it
const browsing = () => app.view !== null && app.view.isBrowsing;
const inGrid = () => browsing() && view().loupe.mode === 'grid';
const large = () => browsing() && view().loupe.mode !== 'grid';
const comparing = () => browsing() && view().loupe.isComparing;
const current = () => browsing() && view().current !== null;
const chosen = () => browsing() && view().chosen().length > 0;
const suspects = () => Suspects.of(app.session as Session, view());
const suspected = () => app.session !== null && app.view?.place === 'labels' && suspects().chosen.length > 0;
const go = (place: Place) => () => {
  if (place === 'issues' && view().place === place) view().checkId = null; // once more: the overview
  view().place = place;
  view().loupe.mode = 'grid';
};
/** A step through images; among compared ones, from pane to pane, or to the next ones to compare. */
const step =
  (by: number, byRow = false) =>
  () => {
    if (view().loupe.isComparing) return byRow ? view().comparedOn(by) : view().loupe.step(by);
    view().move(byRow && view().loupe.mode === 'grid' ? by * view().tilesInRow : by);
  };
const compare = () => {
  const { loupe, selection } = view();
  loupe.mode =
    loupe.mode === 'compare2'
      ? 'compare4'
      : loupe.mode === 'compare4'
        ? 'grid'
        : selection.size > 2
          ? 'compare4'
          : 'compare2';
};
/** Esc: one step back. */
const back = () => {
  if (view().loupe.mode !== 'grid') view().loupe.mode = 'grid';
  else view().clearSelection();
};
const digit = (n: number): Action => ({
  id: `label-${n}`,
  title: n === 0 ? 'Label as the folder says' : `Label as class ${n}`,
  keys: [String(n)],
  group: 'Decide',
  keyOnly: true,
  when: chosen,
  run: () =>
    view().loupe.isComparing && n > 0 && n <= view().loupe.panes
      ? void (view().loupe.active = n - 1)
      : view().labelByKey(n),
});
/** Puts the keyboard into a field of the page; the panels are shown where they were hidden. */
const focus = (selector: string) => async () => {
  settings.panels = true;
  await tick();
  document.querySelector<HTMLElement>(selector)?.focus();
};

export const actions: readonly Action[] = [
  { id: 'keep', title: 'Keep', keys: ['p', 'k'], group: 'Decide', when: chosen, run: () => view().decide('keep') },
  { id: 'reject', title: 'Reject', keys: ['x'], group: 'Decide', when: chosen, run: () => view().decide('reject') },
  { id: 'unsure', title: 'Unsure', keys: ['u'], group: 'Decide', when: chosen, run: () => view().decide('unsure') },
  {
    id: 'clear',
    title: 'Back to undecided',
    keys: ['backspace', 'delete'],
    group: 'Decide',
    when: chosen,
    run: () => view().decide(null),
  },
  {
    id: 'accept-label',
    title: 'Accept the suggested class',
    keys: ['y'],
    group: 'Decide',
    when: suspected,
    run: () => suspects().settle('accept'),
  },
  {
    id: 'confirm-label',
    title: 'Its class is right',
    keys: ['v'],
    group: 'Decide',
    when: suspected,
    run: () => suspects().settle('confirm'),
  },
  { id: 'tag', title: 'Tag…', keys: ['t'], group: 'Decide', when: chosen, run: focus('#tag-field') },
  { id: 'label', title: 'Label…', keys: ['l'], group: 'Decide', when: chosen, run: focus('#label-field') },
  { id: 'note', title: 'Note…', keys: ['o'], group: 'Decide', when: chosen, run: focus('#note-field') },
  ...Array.from({ length: 10 }, (_, n) => digit(n)),
  {
    id: 'undo',
    title: 'Undo',
    keys: ['ctrl+z'],
    group: 'Decide',
    when: () => canStep('undo'),
    run: () => app.session?.step('undo'),
  },
  {
    id: 'redo',
    title: 'Redo',
    keys: ['ctrl+shift+z', 'ctrl+y'],
    group: 'Decide',
    when: () => canStep('redo'),
    run: () => app.session?.step('redo'),
  },
  {
    id: 'history',
    title: 'History',
    keys: ['h'],
    group: 'Decide',
    when: () => app.session !== null,
    run: () => void (app.dialog = 'history'),
  },

  { id: 'left', title: 'Previous image', keys: ['arrowleft', 'a'], group: 'Move', when: browsing, run: step(-1) },
  { id: 'right', title: 'Next image', keys: ['arrowright', 'd'], group: 'Move', when: browsing, run: step(1) },
  { id: 'up', title: 'Row above', keys: ['arrowup', 'w'], group: 'Move', when: browsing, run: step(-1, true) },
  { id: 'down', title: 'Row below', keys: ['arrowdown', 's'], group: 'Move', when: browsing, run: step(1, true) },
  {
    id: 'page-up',
    title: 'Page up',
    keys: ['pageup'],
    group: 'Move',
    when: inGrid,
    run: () => view().move(-5 * view().tilesInRow),
  },
  {
    id: 'page-down',
    title: 'Page down',
    keys: ['pagedown'],
    group: 'Move',
    when: inGrid,
    run: () => view().move(5 * view().tilesInRow),
  },
  {
    id: 'first',
    title: 'First image',
    keys: ['home'],
    group: 'Move',
    when: browsing,
    run: () => view().move(-Infinity),
  },
  { id: 'last', title: 'Last image', keys: ['end'], group: 'Move', when: browsing, run: () => view().move(Infinity) },
  {
    id: 'next-undecided',
    title: 'Next undecided',
    keys: ['j', 'ctrl+arrowright'],
    group: 'Move',
    when: browsing,
    run: () => view().nextUndecided(),
  },

  {
    id: 'toggle',
    title: 'Select or deselect',
    keys: [' '],
    group: 'Select',
    when: current,
    run: () => view().toggleCurrent(),
  },
  {
    id: 'select-all',
    title: 'Select all shown',
    keys: ['ctrl+a'],
    group: 'Select',
    when: browsing,
    run: () => view().selectAll(),
  },
  {
    id: 'invert',
    title: 'Invert selection',
    keys: ['ctrl+i'],
    group: 'Select',
    when: browsing,
    run: () => view().invertSelection(),
  },
  {
    id: 'extend-left',
    title: 'Extend selection back',
    keys: ['shift+arrowleft'],
    group: 'Select',
    keyOnly: true,
    when: inGrid,
    run: () => view().move(-1, true),
  },
  {
    id: 'extend-right',
    title: 'Extend selection on',
    keys: ['shift+arrowright'],
    group: 'Select',
    keyOnly: true,
    when: inGrid,
    run: () => view().move(1, true),
  },
  {
    id: 'extend-up',
    title: 'Extend selection up',
    keys: ['shift+arrowup'],
    group: 'Select',
    keyOnly: true,
    when: inGrid,
    run: () => view().move(-view().tilesInRow, true),
  },
  {
    id: 'extend-down',
    title: 'Extend selection down',
    keys: ['shift+arrowdown'],
    group: 'Select',
    keyOnly: true,
    when: inGrid,
    run: () => view().move(view().tilesInRow, true),
  },
  {
    id: 'back',
    title: 'Back to the grid, select none',
    keys: ['escape'],
    group: 'Select',
    when: () => large() || (browsing() && view().selection.size > 0),
    run: back,
  },

  {
    id: 'loupe',
    title: 'Loupe',
    keys: ['enter'],
    group: 'Look',
    when: current,
    run: () => void (view().loupe.mode = view().loupe.mode === 'loupe' ? 'grid' : 'loupe'),
  },
  { id: 'alike', title: 'More like this', keys: ['q'], group: 'Look', when: chosen, run: () => view().lookAlike() },
  {
    id: 'compare',
    title: 'Compare two, four',
    keys: ['c'],
    group: 'Look',
    when: () => browsing() && view().shown.length > 1 && (view().current !== null || view().selection.size > 1),
    run: compare,
  },
  {
    id: 'zoom',
    title: 'Fit or 100 %',
    keys: ['z'],
    group: 'Look',
    when: current,
    run: () => (view().loupe.mode === 'grid' ? void (view().loupe.mode = 'loupe') : view().loupe.toggleZoom()),
  },
  { id: 'fit', title: 'Whole image', keys: ['shift+z'], group: 'Look', when: large, run: () => view().loupe.fit() },
  {
    id: 'zoom-in',
    title: 'Zoom in',
    keys: ['+', '='],
    group: 'Look',
    when: large,
    run: () => view().loupe.zoomBy(zoomStep),
  },
  {
    id: 'zoom-out',
    title: 'Zoom out',
    keys: ['-'],
    group: 'Look',
    when: large,
    run: () => view().loupe.zoomBy(1 / zoomStep),
  },
  {
    id: 'rotate-left',
    title: 'Turn the view left',
    keys: ['['],
    group: 'Look',
    when: large,
    run: () => view().loupe.rotate(-90),
  },
  {
    id: 'rotate-right',
    title: 'Turn the view right',
    keys: [']'],
    group: 'Look',
    when: large,
    run: () => view().loupe.rotate(90),
  },
  {
    id: 'keep-active',
    title: 'Keep this, reject the others',
    keys: ['shift+p'],
    group: 'Decide',
    when: comparing,
    run: () => view().keepActive(),
  },
  {
    id: 'panels',
    title: 'Hide or show the side panels',
    keys: ['f'],
    group: 'Look',
    when: () => app.view !== null,
    run: () => void (settings.panels = !settings.panels),
  },
  {
    id: 'theme',
    title: 'Dark or light',
    keys: ['ctrl+shift+l'],
    group: 'Look',
    when: () => true,
    run: () => settings.toggleTheme(),
  },

  { id: 'gallery', title: 'Gallery', keys: ['g'], group: 'Places', when: () => app.view !== null, run: go('gallery') },
  {
    id: 'anomalies',
    title: 'Anomalies',
    keys: ['n'],
    group: 'Places',
    when: () => app.view !== null,
    run: go('anomalies'),
  },
  { id: 'issues', title: 'Issues', keys: ['i'], group: 'Places', when: () => app.view !== null, run: go('issues') },
  {
    id: 'duplicates',
    title: 'Duplicates',
    keys: ['b'],
    group: 'Places',
    when: () => app.view !== null,
    run: go('duplicates'),
  },
  { id: 'labels', title: 'Labels', keys: ['e'], group: 'Places', when: () => app.view !== null, run: go('labels') },
  { id: 'map', title: 'Map', keys: ['m'], group: 'Places', when: () => app.view !== null, run: go('map') },
  { id: 'train', title: 'Train', keys: ['r'], group: 'Places', when: () => app.view !== null, run: go('train') },

  {
    id: 'train-classifier',
    title: 'Train a classifier',
    keys: [],
    group: 'Train',
    when: canTrain,
    run: () => {
      go('train')();
      void training().train();
    },
  },
  {
    id: 'find-rate',
    title: 'Find a learning rate',
    keys: [],
    group: 'Train',
    when: canTrain,
    run: () => {
      go('train')();
      void training().findRate();
    },
  },
  {
    id: 'judge-labels',
    title: 'Judge the labels',
    keys: [],
    group: 'Train',
    when: canTrain,
    run: () => {
      go('labels')();
      void suspects().judge();
    },
  },
  {
    id: 'take-away',
    title: 'Take the classifier away',
    keys: [],
    group: 'Train',
    when: () => app.training?.result?.state === 'done',
    run: () => void (app.dialog = 'take-away'),
  },
  {
    id: 'predict',
    title: 'Predict all images',
    keys: [],
    group: 'Train',
    when: () => app.training?.result?.state === 'done',
    run: () => training().predict(),
  },

  {
    id: 'search',
    title: 'Search paths and tags',
    keys: ['/', 'ctrl+f'],
    group: 'Folder',
    when: browsing,
    run: focus('#search-field'),
  },
  {
    id: 'palette',
    title: 'All commands',
    keys: ['ctrl+k', 'ctrl+shift+p'],
    group: 'Folder',
    when: () => true,
    run: () => void (app.dialog = 'palette'),
  },
  { id: 'keys', title: 'Keys', keys: ['?'], group: 'Folder', when: () => true, run: () => void (app.dialog = 'keys') },
  {
    id: 'open',
    title: 'Open folder',
    keys: ['ctrl+o'],
    group: 'Folder',
    when: () => true,
    run: () => (shell ? app.choose() : app.closeFolder()),
  },
  {
    id: 'scan',
    title: 'Scan again',
    keys: ['f5'],
    group: 'Folder',
    when: () => app.session !== null,
    run: () => app.session?.scan(),
  },
  {
    id: 'import',
    title: 'Import decisions and labels',
    keys: ['ctrl+shift+i'],
    group: 'Folder',
    when: () => (app.session?.samples.length ?? 0) > 0,
    run: () => void (app.dialog = 'import'),
  },
  {
    id: 'export',
    title: 'Export',
    keys: ['ctrl+e'],
    group: 'Folder',
    when: () => (app.session?.samples.length ?? 0) > 0,
    run: () => void (app.dialog = 'export'),
  },
];

const byId = new Map(actions.map((action) => [action.id, action]));

export const keysOf = (action: Action): readonly string[] => settings.keys[action.id] ?? action.keys;

/** The action that a key means now; what a person has chosen goes before what is built in. */
export const actionOf = (key: string): Action | undefined =>
  actions.find((action) => settings.keys[action.id]?.includes(key)) ??
  actions.find((action) => !settings.keys[action.id] && action.keys.includes(key));

export function perform(id: string) {
  const action = byId.get(id);
  if (action?.when()) void action.run();
}

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

/** As people write it: `Ctrl Shift Z`. */
export const shownKey = (key: string) =>
  key === '+'
    ? key
    : key
        .split('+')
        .map((part) => signs[part] ?? (part.length > 1 ? part[0].toUpperCase() + part.slice(1) : part.toUpperCase()))
        .join(' ');

/** The first key of an action, as it is shown; '' where it has none. */
export const shortcutOf = (id: string) => {
  const action = byId.get(id);
  return action ? shownKey(keysOf(action)[0] ?? '') : '';
};

/** The name of the pressed key as actions write it, or null for a modifier alone. */
export function keyName(event: KeyboardEvent): string | null {
  const key = event.key.toLowerCase();
  if (['control', 'meta', 'shift', 'alt', 'dead', 'process'].includes(key)) return null;
  // Signs that need Shift on some keyboards are told by themselves.
  const shift = event.shiftKey && (key.length > 1 || /[a-z ]/.test(key));
  return `${event.ctrlKey || event.metaKey ? 'ctrl+' : ''}${shift ? 'shift+' : ''}${key}`;
}

/** With Ctrl, but about the text where it is typed. */
const textKeys = /^ctrl\+(a|c|v|x|y|z|shift\+z|backspace|delete|home|end|(shift\+)?arrow\w+)$/;
const isCommandAnywhere = (key: string) => (key.startsWith('ctrl+') && !textKeys.test(key)) || /^f\d+$/.test(key);
/** What a closed list of choices does with keys; its letters are commands, as everywhere. */
const selectKeys = /^(shift\+)?(arrow\w+|home|end|pageup|pagedown|enter|escape|tab| |f4)$/;

/** Does the element in focus keep this key for itself? Typing into a field is typing. */
function isKept(key: string, target: HTMLElement): boolean {
  if (isCommandAnywhere(key)) return false;
  if (target.matches('select')) return selectKeys.test(key);
  return (
    target.matches('input:not([type=range], [type=checkbox]), textarea, [contenteditable]') ||
    target.closest('[data-own-keys]') !== null
  );
}

/** Listens to the keyboard for the whole page. */
export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const key = keyName(event);
    if (key === null || event.isComposing || event.altKey || app.dialog !== null || isKept(key, target)) return;
    if ((key === 'enter' || key === ' ') && target.matches('button:not([role=option]), a, summary')) return; // a button is pressed
    const action = actionOf(key);
    if (!action?.when()) return;
    event.preventDefault();
    void action.run();
  };
  // A choice made with the pointer gives the keys back; with the keyboard, one may want the next.
  let isPointed = false;
  const onPress = () => (isPointed = true);
  const onChange = ({ target }: Event) => {
    if (isPointed && app.dialog === null && target instanceof HTMLSelectElement) target.blur();
  };
  const listeners = Object.entries({
    keydown: (event: Event) => {
      isPointed = false;
      onKey(event as KeyboardEvent);
    },
    pointerdown: onPress,
    change: onChange,
  });
  for (const [name, listener] of listeners) addEventListener(name, listener);
  return () => {
    for (const [name, listener] of listeners) removeEventListener(name, listener);
  };
}
