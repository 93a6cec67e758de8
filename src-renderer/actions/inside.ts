/** Actions of the place Inside: its tabs, and steps from layer to layer. */
import { app } from '../state/app.svelte.ts';
import { Inside, insideTabs } from '../state/inside.svelte.ts';
import type { Session } from '../state/session.svelte.ts';
import type { Action } from './action.ts';
import { view } from './contexts.ts';

const inside = () => Inside.of(app.session as Session, view());
const isOpen = () => view().place.id === 'inside';

const step = (id: string, title: string, key: string, by: number): Action => ({
  id,
  title,
  keys: [key],
  group: 'Look',
  context: 'folder',
  when: isOpen,
  run: () => inside().step(by),
});

export const lookInside: readonly Action[] = [
  ...insideTabs.map(({ id, title }): Action => ({
    id: `inside-${id}`,
    title: `Inside: ${title}`,
    keys: [],
    group: 'Look',
    context: 'folder',
    when: () => inside().tabs.some((tab) => tab.id === id),
    run: () => inside().enter(undefined, id),
  })),
  step('inside-previous-layer', 'Previous layer', ',', -1),
  step('inside-next-layer', 'Next layer', '.', 1),
];
