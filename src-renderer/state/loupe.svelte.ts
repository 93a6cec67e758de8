/**
 * The viewing mode (grid, loupe or comparison) and one zoom for all panes. The zoom belongs to the active pane, others show the same spot at
 * the same share of their own image. It stays while walking from image to image, until the whole image is asked for.
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

/** What one press of a key or button zooms by. */
export const zoomStep = 1.25;

export class LoupeState {
  #mode = $state<LoupeMode>('grid');
  #active = $state(0);
  zoom = $state.raw<Zoom>(fitted);
  rotation = $state<Rotation>(0);
  /** Whether the last change is shown as a short move: a step is, what follows the hand is not. */
  glides = $state(false);
  /** Reported by the visible panes. */
  readonly #frames = new SvelteMap<number, Frame>();
  /** Where the pointer is, so that a key zooms there too. */
  pointer: { pane: number; point: Point } | null = null;

  get mode() {
    return this.#mode;
  }

  set mode(mode: LoupeMode) {
    if (mode === this.#mode) return;
    // Pane 0 is what was active: it keeps its scale, the others come beside it.
    this.#active = 0;
    this.pointer = null;
    this.glides = false;
    if (mode === 'grid') [this.zoom, this.rotation] = [fitted, 0];
    this.#mode = mode;
  }

  /** How many images are compared; 1 in the loupe, 0 in the grid. */
  readonly panes = $derived({ grid: 0, loupe: 1, compare2: 2, compare4: 4 }[this.#mode]);
  readonly isComparing = $derived(this.panes > 1);

  /** The pane that keys are about, from 0. */
  get active() {
    return this.#active;
  }

  set active(pane: number) {
    if (pane === this.#active || pane < 0 || pane >= this.#frames.size) return;
    const [from, to] = [this.#frames.get(this.#active), this.#frames.get(pane)];
    // Nothing moves when another pane becomes the active one.
    if (from && to) this.zoom = followed(this.zoom, from, to);
    this.glides = false;
    this.#active = pane;
  }

  /** To the pane so many further on; stays at the ends. */
  step(by: number) {
    this.active = clamp(this.#active + by, 0, this.#frames.size - 1);
  }

  /** A pane is shown with this frame, until what is returned is called. */
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

  /** The whole image, or 100 % at a point of a pane: given, under the pointer, or the middle of the active one. */
  toggleZoom(point?: Point, pane?: number) {
    this.#change(true, point, pane, (zoom, frame, at) => toggled(zoom, frame, at));
  }

  zoomTo(level: number, point?: Point, pane?: number) {
    this.#change(true, point, pane, (zoom, frame, at) => zoomedTo(zoom, frame, level, at));
  }

  zoomBy(factor: number, point?: Point, pane?: number, glides = true) {
    this.#change(glides, point, pane, (zoom, frame, at) => zoomedTo(zoom, frame, levelOf(zoom, frame) * factor, at));
  }

  /** In CSS pixels; the image follows. */
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
