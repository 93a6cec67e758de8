/**
 * The viewing mode (grid, loupe or comparison) and one zoom for all panes. The zoom belongs to the active pane; the others show the same part
 * of their image. It is kept while stepping through images, until the user shows the whole image.
 */
import { SvelteMap } from 'svelte/reactivity';
import { clamp } from '../../src-main/contract/numbers.ts';
import {
  clamped,
  fitted,
  followed,
  levelOf,
  panned,
  ranged,
  rotated,
  toggled,
  zoomedTo,
  type Frame,
  type Point,
  type Rotation,
  type Zoom,
} from '../lib/zoom.ts';

export type LoupeMode = 'grid' | 'loupe' | 'compare2' | 'compare4';

/** The zoom factor of one key or button press. */
export const zoomStep = 1.25;

export class LoupeState {
  #mode = $state<LoupeMode>('grid');
  #active = $state(0);
  zoom = $state.raw<Zoom>(fitted);
  rotation = $state<Rotation>(0);
  /** Whether the last change is animated: steps are, drags are not. */
  glides = $state(false);
  /** Reported by the visible panes. */
  readonly #frames = new SvelteMap<number, Frame>();
  /** The pointer position, so that keys also zoom there. */
  pointer: { pane: number; point: Point } | null = null;

  get mode() {
    return this.#mode;
  }

  set mode(mode: LoupeMode) {
    if (mode === this.#mode) return;
    // Pane 0 is the image that was active: it keeps its scale, the others are added next to it.
    this.#active = 0;
    this.pointer = null;
    this.glides = false;
    if (mode === 'grid') [this.zoom, this.rotation] = [fitted, 0];
    this.#mode = mode;
  }

  /** How many images are compared; 1 in the loupe, 0 in the grid. */
  readonly panes = $derived({ grid: 0, loupe: 1, compare2: 2, compare4: 4 }[this.#mode]);
  readonly isComparing = $derived(this.panes > 1);

  /** The active pane, which keys apply to; from 0. */
  get active() {
    return this.#active;
  }

  set active(pane: number) {
    if (pane === this.#active || pane < 0 || pane >= this.#frames.size) return;
    const [from, to] = [this.#frames.get(this.#active), this.#frames.get(pane)];
    // The images do not move when another pane becomes active.
    if (from && to) this.zoom = followed(this.zoom, from, to);
    this.glides = false;
    this.#active = pane;
  }

  /** Activates the pane `by` positions further; stops at the ends. */
  step(by: number) {
    this.active = clamp(this.#active + by, 0, this.#frames.size - 1);
  }

  /** Registers a visible pane with its frame until the returned function is called. */
  attend(pane: number, frame: Frame): () => void {
    this.#frames.set(pane, frame);
    return () => {
      if (this.#frames.get(pane) === frame) this.#frames.delete(pane);
    };
  }

  zoomOf(pane: number, frame: Frame): Zoom {
    const reference = this.#frames.get(this.#active);
    return pane === this.#active || !reference
      ? ranged(this.zoom, frame)
      : followed(ranged(this.zoom, reference), reference, frame);
  }

  readonly isFit = $derived(this.zoom.level === null);
  /** Device pixels per image pixel in the active pane; null while none is shown. */
  readonly level: number | null = $derived(this.levelIn(this.#active));

  levelIn(pane: number): number | null {
    const frame = this.#frames.get(pane);
    return frame ? levelOf(this.zoomOf(pane, frame), frame) : null;
  }

  /** Toggles between the whole image and 100 % at a point: the given one, the pointer, or the middle of the active pane. */
  toggleZoom(point?: Point, pane?: number) {
    this.#change(true, point, pane, (zoom, frame, at) => toggled(zoom, frame, at));
  }

  zoomTo(level: number, point?: Point, pane?: number) {
    this.#change(true, point, pane, (zoom, frame, at) => zoomedTo(zoom, frame, level, at));
  }

  zoomBy(factor: number, point?: Point, pane?: number, glides = true) {
    this.#change(glides, point, pane, (zoom, frame, at) => zoomedTo(zoom, frame, levelOf(zoom, frame) * factor, at));
  }

  /** Moves the image, in CSS pixels. */
  panBy(x: number, y: number, pane = this.#active, glides = false) {
    this.#change(glides, { x: 0, y: 0 }, pane, (zoom, frame) => panned(zoom, frame, { x, y }));
  }

  rotate(by: 90 | -90) {
    this.glides = false;
    this.rotation = rotated(this.rotation, by);
  }

  fit() {
    this.glides = true;
    this.zoom = fitted;
  }

  #change(
    glides: boolean,
    point: Point | undefined,
    pane: number | undefined,
    change: (zoom: Zoom, frame: Frame, point: Point) => Zoom,
  ) {
    const pointed =
      point === undefined && this.pointer && this.#frames.has(this.pointer.pane) ? this.pointer.pane : this.#active;
    const at = pane ?? pointed;
    const [frame, reference] = [this.#frames.get(at), this.#frames.get(this.#active)];
    if (!frame || !reference) return;
    const where =
      point ??
      (this.pointer?.pane === at ? this.pointer.point : { x: frame.viewport.width / 2, y: frame.viewport.height / 2 });
    this.glides = glides;
    this.zoom = followed(change(clamped(this.zoomOf(at, frame), frame), frame, where), frame, reference);
  }
}
