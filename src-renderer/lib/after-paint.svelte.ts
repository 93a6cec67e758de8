/** Defers slow counts until after the next paint: a filter shows its images first, then its counts. */
import { untrack } from 'svelte';

/**
 * A value that is recomputed after the next paint when the state that `watch` reads has changed. State that `work` reads is not tracked. Call it
 * during the initialization of a component.
 */
export function afterPaint<Value>(first: Value, watch: () => unknown, work: () => Value): { readonly value: Value } {
  let value = $state.raw(first);
  $effect(() => {
    watch();
    const frame = requestAnimationFrame(() => (timer = setTimeout(() => (value = untrack(work)))));
    let timer: ReturnType<typeof setTimeout> | undefined;
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  });
  return {
    get value() {
      return value;
    },
  };
}
