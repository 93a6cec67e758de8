/** Decisions, labels and tags on the chosen images, and their undo. */
import { anomalousTag, normalTag } from '../../src-main/contract/train-on.ts';
import { app } from '../state/app.svelte.ts';
import type { Action } from './action.ts';
import { suspects, view } from './contexts.ts';
import { focusField } from './focus-field.ts';

/** Also enabled before the engine has reported what can be undone, so that an early key press counts. */
const canStep = (which: 'undo' | 'redo') =>
  app.session !== null &&
  (app.session.journal[which] !== null || app.session.steps.saying + app.session.steps.unsaved > 0);

const inAnomalies = () => view().place.id === 'anomalies';

/** The n-th class for the chosen images; in a comparison, the n-th pane becomes the active one. */
const digit = (n: number): Action => ({
  id: `label-${n}`,
  title: n === 0 ? 'Reset label to the folder’s class' : `Label as class ${n}`,
  keys: [String(n)],
  group: 'Decide',
  keyOnly: true,
  context: 'chosen',
  run: () =>
    view().loupe.isComparing && n > 0 && n <= view().loupe.panes
      ? void (view().loupe.active = n - 1)
      : view().labelByKey(n),
});

export const decide: readonly Action[] = [
  { id: 'keep', title: 'Keep', keys: ['p', 'k'], group: 'Decide', context: 'chosen', run: () => view().decide('keep') },
  {
    id: 'reject',
    title: 'Reject',
    keys: ['x'],
    group: 'Decide',
    context: 'chosen',
    run: () => view().decide('reject'),
  },
  {
    id: 'unsure',
    title: 'Unsure',
    keys: ['u'],
    group: 'Decide',
    context: 'chosen',
    run: () => view().decide('unsure'),
  },
  {
    id: 'clear',
    title: 'Back to undecided',
    keys: ['backspace', 'delete'],
    group: 'Decide',
    context: 'chosen',
    run: () => view().decide(null),
  },
  {
    id: 'declare-normal',
    title: 'This is normal',
    keys: ['shift+n'],
    group: 'Decide',
    context: 'chosen',
    when: inAnomalies,
    run: () => view().declare(normalTag),
  },
  {
    id: 'declare-anomalous',
    title: 'This is anomalous',
    keys: ['shift+a'],
    group: 'Decide',
    context: 'chosen',
    when: inAnomalies,
    run: () => view().declare(anomalousTag),
  },
  {
    id: 'accept-label',
    title: 'Accept the suggested class',
    keys: ['y'],
    group: 'Decide',
    context: 'suspects',
    run: () => suspects().settle('accept'),
  },
  {
    id: 'confirm-label',
    title: 'Confirm the class',
    keys: ['v'],
    group: 'Decide',
    context: 'suspects',
    run: () => suspects().settle('confirm'),
  },
  { id: 'tag', title: 'Tag…', keys: ['t'], group: 'Decide', context: 'chosen', run: focusField('#tag-field') },
  { id: 'label', title: 'Label…', keys: ['l'], group: 'Decide', context: 'chosen', run: focusField('#label-field') },
  { id: 'note', title: 'Note…', keys: ['o'], group: 'Decide', context: 'chosen', run: focusField('#note-field') },
  ...Array.from({ length: 10 }, (_, n) => digit(n)),
  {
    id: 'undo',
    title: 'Undo',
    keys: ['ctrl+z'],
    group: 'Decide',
    menu: 'Edit',
    context: 'folder',
    when: () => canStep('undo'),
    run: () => app.session?.step('undo'),
  },
  {
    id: 'redo',
    title: 'Redo',
    keys: ['ctrl+shift+z', 'ctrl+y'],
    group: 'Decide',
    menu: 'Edit',
    context: 'folder',
    when: () => canStep('redo'),
    run: () => app.session?.step('redo'),
  },
  {
    id: 'history',
    title: 'History',
    keys: ['h'],
    group: 'Decide',
    menu: 'Edit',
    opensDialog: true,
    context: 'folder',
    run: () => void (app.dialog = 'history'),
  },
  {
    id: 'keep-active',
    title: 'Keep this, reject the others',
    keys: ['shift+p'],
    group: 'Decide',
    context: 'compare',
    run: () => view().keepActive(),
  },
];
