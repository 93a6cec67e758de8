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
  /** What orders the images in place of the column, if anything. */
  order?: string | null;
  threshold: number;
  /** Only images at or above the threshold are shown. */
  isFiltering: boolean;
  /** The run whose score this is. */
  run?: RunSummary;
  /** The check whose score this is. */
  check?: CheckState;
}

export interface Place {
  /** Also the id of the action that opens it. */
  id: string;
  title: string;
  /** Other words that find it in the palette. */
  keywords?: readonly string[];
  icon: Component<{ size?: number; strokeWidth?: number }>;
  /** Default keys; see `Action`. */
  keys: readonly string[];
  left: { title: string; panel: Panel } | null;
  /** The panel in the middle. Loupe and comparison replace it. */
  middle(view: View): Panel;
  /** The panel below the middle. */
  bottom?: Panel;
  /** Whether the place shows single images, so that cursor, selection, loupe and inspector apply. The default is true. */
  isBrowsing?(view: View): boolean;
  /** The keys that step through images do so here too, though no single images are shown. */
  stepsThroughImages?: true;
  lens?(view: View): Lens | null;
  /** The middle panel sets the list of images in `view.listed`; the filter does not apply. */
  isList?: true;
  /** Suspected labels are accepted or confirmed here. */
  reviewsLabels?: true;
  /** How many items wait for a decision. */
  badge?(session: Session): { count: number; isWarning: boolean };
  /** Called when the place is opened again while it is open. */
  reopen?(view: View): void;
}
