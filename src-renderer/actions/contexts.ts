/** Contexts of actions, from the whole window to single images, and the state that actions use. */
import { app } from '../state/app.svelte.ts';
import { Judgement } from '../state/judgement.svelte.ts';
import type { Session } from '../state/session.svelte.ts';
import { Suspects } from '../state/suspects.svelte.ts';
import type { View } from '../state/view.svelte.ts';
import { Why } from '../state/why.svelte.ts';

/** The view, for contexts in which a folder is open. */
export const view = () => app.view as View;
export const judgement = () => Judgement.of(app.session as Session, view());
export const suspects = () => Suspects.of(app.session as Session, view());
export const why = () => Why.of(app.session as Session, view());

const isBrowsing = () => app.view !== null && app.view.isBrowsing;
const inGrid = () => isBrowsing() && view().loupe.mode === 'grid';

export const contexts = {
  /** Always. */
  window: () => true,
  /** A folder is open. */
  folder: () => app.view !== null,
  /** Images are shown in the grid, loupe or comparison. */
  images: isBrowsing,
  /** One can step from image to image. */
  steps: () => isBrowsing() || app.view?.place.stepsThroughImages === true,
  grid: inGrid,
  /** Loupe or comparison. */
  large: () => isBrowsing() && !inGrid(),
  compare: () => isBrowsing() && view().loupe.isComparing,
  /** An image is under the cursor. */
  cursor: () => isBrowsing() && view().current !== null,
  /** Images are selected, or one is under the cursor. */
  chosen: () => isBrowsing() && view().chosen().length > 0,
  /** Probable label errors are among these images, in a place that reviews labels. */
  suspects: () => app.view?.place.reviewsLabels === true && suspects().chosen.length > 0,
} satisfies Record<string, () => boolean>;

export type Context = keyof typeof contexts;
