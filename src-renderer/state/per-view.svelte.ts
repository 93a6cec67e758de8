/** State of a panel that outlives it: one per view. */
import { rooted } from './rooted.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

/** Created on first use. */
export function perView<T extends object>(make: (session: Session, view: View) => T) {
  const made = new WeakMap<View, T>();
  return (session: Session, view: View): T => {
    const known = made.get(view) ?? rooted(() => make(session, view));
    made.set(view, known);
    return known;
  };
}
