/** Puts the keyboard into a field of a side panel, which is shown if it was hidden. */
import { tick } from 'svelte';
import { settings } from '../state/settings.svelte.ts';

export const focusField = (selector: string) => async () => {
  settings.panels = true;
  await tick();
  document.querySelector<HTMLElement>(selector)?.focus();
};
