/** Keys and the actions that have them. A key belongs to one action: giving it to one takes it from another. */

/** What of an action matters here. */
export interface Keyed {
  id: string;
  keys: readonly string[];
}
/** Keys by action where they are not the action's own. */
export type Chosen = Readonly<Record<string, readonly string[]>>;

const keysOf = (action: Keyed, chosen: Chosen) => chosen[action.id] ?? action.keys;

/** Who has this key now; as the page asks: what was chosen goes before what is built in. */
export const holderOf = <Action extends Keyed>(
  key: string,
  actions: readonly Action[],
  chosen: Chosen,
): Action | undefined =>
  actions.find(({ id }) => chosen[id]?.includes(key)) ??
  actions.find((action) => !chosen[action.id] && action.keys.includes(key));

/** The key goes to this action, in the place of `instead` or after its others, and away from whoever has it. Returns the changes alone. */
export function given(
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

/** Its own keys again; whoever has taken one gives it back. null is ‘its own’. */
export function restored(
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
