/** Moves the focus into a field of a side panel, and shows the panel if it is hidden. */
import { tick } from 'svelte';
import { settings } from '../state/settings.svelte.ts';

export const focusField = (selector: string) => async () => {
  settings.panels = true;
  await tick();
  document.querySelector<HTMLElement>(selector)?.focus();
};
