/**
 * The geometry of zooming, as pure functions. A zoom is the number of device pixels per image pixel (1 is 100 %, on any screen) and the point of the image in
 * the middle of the viewport, as fractions of its width and height before rotation. So one zoom can be applied to any image.
 */
import { clamp } from '../../src-main/contract/numbers.ts';

export interface Size {
  width: number;
  height: number;
}
export interface Point {
  x: number;
  y: number;
}
/** Clockwise, in degrees. Rotates the view, never the file. */
export type Rotation = 0 | 90 | 180 | 270;

/** An image and its viewport. Viewport, margin and points in it are CSS pixels. */
export interface Frame {
  image: Size;
  viewport: Size;
  rotation: Rotation;
  /** Device pixels per CSS pixel. */
  pixelRatio: number;
  /** Free space on each side when the whole image is shown. */
  marginPx: number;
}

export interface Zoom {
  /** Device pixels per image pixel; null shows the whole image, also after the window or the image has changed. */
  level: number | null;
  centre: Point;
}

export const fitted: Zoom = { level: null, centre: { x: 0.5, y: 0.5 } };
const greatestLevel = 8;

const isSideways = (rotation: Rotation) => rotation % 180 !== 0;

/** A quarter turn is exact: cosine and sine of right angles are whole numbers. */
const turns: Record<Rotation, [cos: number, sin: number]> = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] };

export const rotated = (rotation: Rotation, by: 90 | -90): Rotation => ((rotation + by + 360) % 360) as Rotation;

/** The level at which the whole image fits exactly. Small images are enlarged. */
export function fitLevel({ image, viewport, rotation, pixelRatio, marginPx }: Frame): number {
  const [width, height] = isSideways(rotation) ? [image.height, image.width] : [image.width, image.height];
  const room = (px: number) => Math.max(1, px - 2 * marginPx);
  return Math.min(room(viewport.width) / width, room(viewport.height) / height) * pixelRatio;
}

export function levelRange(frame: Frame): [least: number, greatest: number] {
  const fit = fitLevel(frame);
  return [Math.min(fit, 1), Math.max(fit, greatestLevel)];
}

/** The nearest level that this image allows. */
function allowed(level: number, frame: Frame): number {
  const [least, greatest] = levelRange(frame);
  return clamp(level, least, greatest);
}

export const levelOf = (zoom: Zoom, frame: Frame): number => zoom.level ?? fitLevel(frame);

/** The same zoom with a level that this image allows: 30 %, kept from a large image, would make a small image smaller than the viewport. */
export const ranged = (zoom: Zoom, frame: Frame): Zoom =>
  zoom.level === null ? zoom : { ...zoom, level: allowed(zoom.level, frame) };

/** The same zoom, moved so that the image fills the viewport where it can; along an axis that is shorter than the viewport, it is centred. */
export function clamped(zoom: Zoom, frame: Frame): Zoom {
  const scale = levelOf(zoom, frame) / frame.pixelRatio;
  const kept = (at: number, imagePx: number, viewportPx: number) => {
    const half = viewportPx / 2 / (imagePx * scale);
    return half >= 0.5 ? 0.5 : clamp(at, half, 1 - half);
  };
  const [alongX, alongY] = isSideways(frame.rotation)
    ? [frame.viewport.height, frame.viewport.width]
    : [frame.viewport.width, frame.viewport.height];
  return {
    level: zoom.level,
    centre: { x: kept(zoom.centre.x, frame.image.width, alongX), y: kept(zoom.centre.y, frame.image.height, alongY) },
  };
}

/** A movement on the screen in fractions of the image. */
function onImage(way: Point, frame: Frame, level: number): Point {
  const [cos, sin] = turns[frame.rotation];
  const scale = level / frame.pixelRatio;
  return {
    x: (way.x * cos + way.y * sin) / scale / frame.image.width,
    y: (way.y * cos - way.x * sin) / scale / frame.image.height,
  };
}

const fromMiddle = (point: Point, { viewport }: Frame): Point => ({
  x: point.x - viewport.width / 2,
  y: point.y - viewport.height / 2,
});

/** The image position, in fractions, at a point of the viewport; outside 0 to 1 if the point is next to the image. */
export function spotAt(zoom: Zoom, frame: Frame, point: Point): Point {
  const { centre } = clamped(zoom, frame);
  const way = onImage(fromMiddle(point, frame), frame, levelOf(zoom, frame));
  return { x: centre.x + way.x, y: centre.y + way.y };
}

/** Zooms to a level and keeps the image position at `point` in place, as far as the edges allow. At the level of the whole image, the zoom is ‘whole’. */
export function zoomedTo(zoom: Zoom, frame: Frame, level: number, point: Point): Zoom {
  const next = allowed(level, frame);
  const fit = fitLevel(frame);
  if (fit <= 1 && next <= fit * 1.0001) return fitted;
  const spot = spotAt(zoom, frame, point);
  const way = onImage(fromMiddle(point, frame), frame, next);
  return clamped({ level: next, centre: { x: spot.x - way.x, y: spot.y - way.y } }, frame);
}

/** Toggles between the whole image and 100 % at a point; 200 % if the whole image is at 100 % already. */
export function toggled(zoom: Zoom, frame: Frame, point: Point): Zoom {
  if (zoom.level !== null) return fitted;
  return zoomedTo(zoom, frame, Math.abs(fitLevel(frame) - 1) < 0.02 ? 2 : 1, point);
}

/** The image follows the pointer. */
export function panned(zoom: Zoom, frame: Frame, by: Point): Zoom {
  const { level, centre } = clamped(zoom, frame);
  const way = onImage(by, frame, levelOf(zoom, frame));
  return clamped({ level, centre: { x: centre.x - way.x, y: centre.y - way.y } }, frame);
}

/** The zoom that shows the same part of `to` that `zoom` shows of `from`, whatever their sizes. */
export const followed = (zoom: Zoom, from: Frame, to: Frame): Zoom =>
  zoom.level === null ? zoom : { ...zoom, level: (zoom.level * fitLevel(to)) / fitLevel(from) };

export type Matrix = [a: number, b: number, c: number, d: number, e: number, f: number];

/**
 * The CSS `matrix()` that positions the image; without it, the image is at the corner of the viewport with one CSS pixel per image pixel. At integer levels the
 * image is aligned to device pixels, so that 100 % is sharp; at other levels the alignment would make a smooth zoom jitter.
 */
export function matrixOf(zoom: Zoom, frame: Frame): Matrix {
  const { image, viewport, pixelRatio } = frame;
  const { centre } = clamped(zoom, frame);
  const level = levelOf(zoom, frame);
  const scale = level / pixelRatio;
  const [cos, sin] = turns[frame.rotation].map((turn) => turn * scale);
  const [x, y] = [centre.x * image.width, centre.y * image.height];
  const onDevicePixel = (px: number) => (Number.isInteger(level) ? Math.round(px * pixelRatio) / pixelRatio : px);
  return [
    cos,
    sin,
    -sin,
    cos,
    onDevicePixel(viewport.width / 2 - (x * cos - y * sin)),
    onDevicePixel(viewport.height / 2 - (x * sin + y * cos)),
  ];
}

/** Images side by side are easier to compare than stacked ones, even if they are a little smaller. */
const sideBySideIsWorth = 1.12;

/** The number of columns in which the panes show their images largest. `aspect` is width by height; `chromePx` is the height of a pane above and below its image. */
export function columnsFor(panes: number, area: Size, aspect: number, chromePx: number): number {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= panes; columns++) {
    const size = Math.min(area.width / columns / aspect, area.height / Math.ceil(panes / columns) - chromePx);
    if (size * sideBySideIsWorth >= best.size) best = { columns, size };
  }
  return best.columns;
}
