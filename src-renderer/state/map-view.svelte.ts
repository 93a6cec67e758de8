/** Interaction with the map: the camera, the tool, and drags. Positions are device pixels of the canvas. */
import { fromScreen, wholeView, zoomedAt, type Camera, type Size, type Spot } from '../charts/scatter.ts';

/** The result of a pointer press: a click, or a lasso. */
export type Gesture = { kind: 'click'; spot: Spot } | { kind: 'lasso'; outline: readonly Spot[] };

export class MapView {
  #size: () => Size;
  /** The distance after which a press becomes a drag. */
  #slackPx: number;
  /** The tool: what a drag does. */
  tool = $state<'move' | 'lasso'>('lasso');
  /** The outline of the lasso while it is drawn. */
  outline = $state.raw<readonly Spot[]>([]);
  #moved = $state.raw<Camera | null>(null);
  #press: { at: Spot; camera: Camera; isLasso: boolean; isDrag: boolean } | null = null;

  constructor(size: () => Size, slackPx: number) {
    this.#size = size;
    this.#slackPx = slackPx;
  }

  /** Shows the whole map until the user moves or zooms it. */
  readonly camera: Camera = $derived.by(() => this.#moved ?? wholeView(this.#size()));
  /** Zoomed in far enough to distinguish single images. */
  readonly isNear: boolean = $derived.by(() => this.camera.scale > wholeView(this.#size()).scale * 1.5);

  fit() {
    this.#moved = null;
  }

  zoom(spot: Spot, factor: number) {
    this.#moved = zoomedAt(this.camera, this.#size(), spot, factor);
  }

  get isPressed(): boolean {
    return this.#press !== null;
  }

  press(at: Spot, isLasso: boolean) {
    this.#press = { at, camera: this.camera, isLasso, isDrag: false };
  }

  /** Returns whether the press is a drag by now. */
  drag(spot: Spot): boolean {
    const press = this.#press;
    if (!press) return false;
    const [dx, dy] = [spot.x - press.at.x, spot.y - press.at.y];
    press.isDrag ||= Math.hypot(dx, dy) >= this.#slackPx;
    if (!press.isDrag) return false;
    const { x, y, scale } = press.camera;
    if (press.isLasso) this.outline = [...(this.outline.length ? this.outline : [press.at]), spot];
    else this.#moved = { scale, x: x - dx / scale, y: y + dy / scale };
    return true;
  }

  /** Ends the press; null if the map was moved. The outline is in map coordinates. */
  release(spot: Spot): Gesture | null {
    const press = this.#press;
    const outline = this.outline.map((corner) => fromScreen(this.camera, this.#size(), corner));
    this.cancel();
    if (!press) return null;
    if (!press.isDrag) return { kind: 'click', spot };
    return outline.length > 2 ? { kind: 'lasso', outline } : null;
  }

  cancel() {
    this.#press = null;
    this.outline = [];
  }
}
