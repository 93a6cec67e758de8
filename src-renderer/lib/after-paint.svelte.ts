/** What takes long to count follows the picture: a filter shows its images first, its counts a moment later. */
import { untrack } from 'svelte';

/**
 * A value that is worked out anew after the page has been painted, when what `watch` reads has changed. What `work` reads is not watched. To be made while a
 * component is.
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
