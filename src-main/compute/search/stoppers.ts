/** The registry of stoppers. A new stopper is one file and one entry here. */
import { ashaStopper } from './asha-stopper.ts';
import { medianStopper } from './median-stopper.ts';
import type { Stopper } from './stopper.ts';

const none: Stopper = {
  id: 'none',
  title: 'None',
  summary: 'Every trial gets all its epochs.',
  reason: () => null,
};

export const stoppers: readonly Stopper[] = [none, medianStopper, ashaStopper];

/** Undefined if no stopper has this id. */
export const stopperOf = (id: string): Stopper | undefined => stoppers.find((stopper) => stopper.id === id);
