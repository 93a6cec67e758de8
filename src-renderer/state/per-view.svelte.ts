/** State of a panel that outlives it: one per view. */
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

/** Created on first use. Its derived state must outlive the panel that uses it first, so it has a separate effect root. */
export function perView<T extends object>(make: (session: Session, view: View) => T) {
  const made = new WeakMap<View, T>();
  return (session: Session, view: View): T => {
    const known = made.get(view);
    if (known) return known;
    let one: T | undefined;
    $effect.root(() => {
      one = make(session, view);
    });
    made.set(view, one as unknown as T);
    return one as unknown as T;
  };
}
