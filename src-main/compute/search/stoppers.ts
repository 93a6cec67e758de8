/** The registry of stoppers. */
import type { Stopper } from './stopper.ts';

const none: Stopper = {
  id: 'none',
  title: 'None',
  summary: 'Every trial gets all its epochs.',
  reason: () => null,
};

export const stoppers: readonly Stopper[] = [none];

/** Undefined if no stopper has this id. */
export const stopperOf = (id: string): Stopper | undefined => stoppers.find((stopper) => stopper.id === id);
