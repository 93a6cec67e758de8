/**
 * Makes state that outlives the component that asks for it first. Svelte ends derived state with the component in which it was made: its value is then never
 * computed again. An effect root of its own keeps it.
 */
export function rooted<T>(make: () => T): T {
  let one: T | undefined;
  $effect.root(() => {
    one = make();
  });
  return one as T;
}
