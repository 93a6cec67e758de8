/** Keys and the actions that have them. A key belongs to one action: giving it to one takes it from another. */

/** The part of an action that is needed here. */
export interface Keyed {
  id: string;
  keys: readonly string[];
}
/** Keys by action, if they differ from the defaults. */
export type Chosen = Readonly<Record<string, readonly string[]>>;

const keysOf = (action: Keyed, chosen: Chosen) => chosen[action.id] ?? action.keys;

/** The action that has this key; chosen keys take precedence over defaults. */
export const actionWithKey = <Action extends Keyed>(
  key: string,
  actions: readonly Action[],
  chosen: Chosen,
): Action | undefined =>
  actions.find(({ id }) => chosen[id]?.includes(key)) ??
  actions.find((action) => !chosen[action.id] && action.keys.includes(key));

/** Assigns the key to this action, replacing `instead` or after its other keys, and removes it from any other action. Returns only the changes. */
export function assignKey(
  key: string,
  to: Keyed,
  instead: string | null,
  actions: readonly Keyed[],
  chosen: Chosen,
): Record<string, readonly string[]> {
  const own = keysOf(to, chosen);
  const others = own.filter((known) => known !== key);
  const at = instead === null ? -1 : others.indexOf(instead);
  return {
    ...takenFrom([key], to, actions, chosen),
    [to.id]: instead === key ? own : at < 0 ? [...others, key] : others.with(at, key),
  };
}

/** Restores the default keys and removes them from other actions. null means default. */
export function resetKeys(
  action: Keyed,
  actions: readonly Keyed[],
  chosen: Chosen,
): Record<string, readonly string[] | null> {
  return { ...takenFrom(action.keys, action, actions, chosen), [action.id]: null };
}

function takenFrom(
  keys: readonly string[],
  to: Keyed,
  actions: readonly Keyed[],
  chosen: Chosen,
): Record<string, readonly string[]> {
  return Object.fromEntries(
    actions
      .filter((action) => action.id !== to.id && keysOf(action, chosen).some((key) => keys.includes(key)))
      .map((action) => [action.id, keysOf(action, chosen).filter((key) => !keys.includes(key))]),
  );
}
