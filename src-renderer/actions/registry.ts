/**
 * The actions of the page and their keys. `main.ts` registers the records before the page is mounted; panels ask here and never import a record, since
 * records of places import panels.
 */
import { actionWithKey } from '../lib/rebind.ts';
import { shownKey } from '../lib/keys.ts';
import { settings } from '../state/settings.svelte.ts';
import type { Action } from './action.ts';
import { contexts } from './contexts.ts';

export let actions: readonly Action[] = [];

export function register(records: readonly Action[]) {
  const repeated = records.find(({ id }, i) => records.findIndex((other) => other.id === id) !== i);
  if (repeated) throw new Error(`Two actions are called ${repeated.id}.`);
  actions = records;
}

const actionWith = (id: string) => actions.find((action) => action.id === id);

export const isEnabled = ({ context, when }: Action): boolean => contexts[context]() && (when?.() ?? true);

/** The current keys: the person's choice, or the default. */
export const keysOf = (action: Action): readonly string[] => settings.keys[action.id] ?? action.keys;

/** The action that has this key now. */
export const actionOf = (key: string): Action | undefined => actionWithKey(key, actions, settings.keys);

export function perform(id: string) {
  const action = actionWith(id);
  if (action && isEnabled(action)) void action.run();
}

/** The first key of an action, formatted for display; empty if it has none. */
export const shortcutOf = (id: string): string => {
  const action = actionWith(id);
  return action ? shownKey(keysOf(action)[0] ?? '') : '';
};
