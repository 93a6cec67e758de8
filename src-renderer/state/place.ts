/** The type of a place: one record with its title, panels and filter. The records are in `places/`. */
import type { Component } from 'svelte';
import type { CheckState, RunSummary } from '../../src-main/contract/types.ts';
import type { Session } from './session.svelte.ts';
import type { Training } from './training.svelte.ts';
import type { View } from './view.svelte.ts';

export type Panel = Component<{ session: Session; view: View; training: Training }>;

/** A column that a place orders its images by, and a threshold on it. */
export interface Lens {
  column: string;
  descending: boolean;
  threshold: number;
  /** Only images at or above the threshold are shown. */
  isFiltering: boolean;
  /** The run whose score this is. */
  run?: RunSummary;
  /** The check whose measure this is. */
  check?: CheckState;
}

export interface Place {
  /** Also the id of the action that opens it. */
  id: string;
  title: string;
  icon: Component<{ size?: number; strokeWidth?: number }>;
  /** Default keys; see `Action`. */
  keys: readonly string[];
  left: { title: string; panel: Panel } | null;
  /** The panel in the middle. Loupe and comparison take its room while an image is seen large. */
  middle(view: View): Panel;
  /** Below the middle. */
  bottom?: Panel;
  /** Whether single images are in front here: cursor, selection, loupe and inspector apply. Always, where it is left out. */
  isBrowsing?(view: View): boolean;
  lens?(view: View): Lens | null;
  /** The middle lists the images itself, in `view.listed`; the filter does not apply. */
  isList?: true;
  /** Suspected labels are accepted or confirmed here. */
  reviewsLabels?: true;
  /** How many items wait for a decision. */
  badge?(session: Session): { count: number; isWarning: boolean };
  /** What opening it does when it is open already. */
  reopen?(view: View): void;
}
