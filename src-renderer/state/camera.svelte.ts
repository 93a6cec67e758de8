/** Pan and zoom over a sheet that is larger than its frame. Wheel and pointer are listened to by `steer`; keys are the caller's. */
import { clamp } from '../../src-main/contract/numbers.ts';

/** The factor of one key or button press. */
export const zoomStep = 1.25;
const clickWithinPx = 4;

interface Position {
  /** Of the sheet's corner in the frame, in px. */
  x: number;
  y: number;
  scale: number;
}

export class Camera {
  readonly #size: () => { width: number; height: number };
  readonly margin = 24;
  widthPx = $state(0);
  heightPx = $state(0);
  /** Null until a person moves the view. */
  moved = $state.raw<Position | null>(null);

  /** `size`: of the sheet, in px. */
  constructor(size: () => { width: number; height: number }) {
    this.#size = size;
  }

  /** The scale at which the whole sheet is in the frame. */
  readonly #fitting: number = $derived.by(() => {
    const { width, height } = this.#size();
    return Math.min((this.widthPx - 2 * this.margin) / width, (this.heightPx - 2 * this.margin) / height);
  });
  /** At first, text is readable, and the upper left is in sight. */
  readonly shown: Position = $derived.by(() => this.moved ?? this.#placed(clamp(this.#fitting, 0.9, 1)));

  #placed(scale: number): Position {
    const { width, height } = this.#size();
    return {
      scale,
      x: Math.max(this.margin, (this.widthPx - width * scale) / 2),
      y: Math.max(this.margin, (this.heightPx - height * scale) / 2),
    };
  }

  fit() {
    this.moved = this.#placed(clamp(this.#fitting, 0.1, 1.5));
  }

  /** Around a point of the frame; the default is its middle. */
  zoomBy(factor: number, at = { x: this.widthPx / 2, y: this.heightPx / 2 }) {
    const { x, y, scale: before } = this.shown;
    const scale = clamp(before * factor, 0.1, 3);
    const ratio = scale / before;
    this.moved = { scale, x: at.x - (at.x - x) * ratio, y: at.y - (at.y - y) * ratio };
  }

  panBy(x: number, y: number) {
    const { shown } = this;
    this.moved = { ...shown, x: shown.x + x, y: shown.y + y };
  }

  /** The wheel zooms, dragging pans. Listeners are added by code, since the surface is no control. */
  steer = (node: HTMLElement) => {
    let last: { x: number; y: number } | null = null;
    let hasMoved = false;
    const at = (event: MouseEvent) => {
      const { left, top } = node.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };
    const listeners = {
      wheel: (event: WheelEvent) => {
        event.preventDefault();
        const px = event.deltaY * [1, 33, 400][event.deltaMode];
        if (event.shiftKey) this.panBy(-px, 0);
        else this.zoomBy(Math.exp(-px * (event.ctrlKey && Math.abs(px) < 40 ? 0.01 : 0.0016)), at(event));
      },
      pointerdown: (event: PointerEvent) => {
        if (event.button === 0) [last, hasMoved] = [at(event), false];
      },
      pointermove: (event: PointerEvent) => {
        if (!last || !event.buttons) return void (last = null);
        const now = at(event);
        if (!hasMoved && Math.hypot(now.x - last.x, now.y - last.y) < clickWithinPx) return;
        if (!hasMoved) node.setPointerCapture(event.pointerId);
        hasMoved = true;
        this.panBy(now.x - last.x, now.y - last.y);
        last = now;
      },
      pointerup: () => void (last = null),
      pointercancel: () => void (last = null),
      // A drag that ends on a node is no click on it.
      click: (event: MouseEvent) => {
        if (hasMoved) event.stopPropagation();
        hasMoved = false;
      },
    };
    const stop = new AbortController();
    for (const [name, listen] of Object.entries(listeners))
      node.addEventListener(name, listen as EventListener, {
        signal: stop.signal,
        passive: false,
        capture: name === 'click',
      });
    return () => stop.abort();
  };
}
