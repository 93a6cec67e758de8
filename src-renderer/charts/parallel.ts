/** Draws the lines of parallel coordinates into a canvas: 1,000 lines take a few milliseconds. */
import { colour } from './chart.ts';

export interface ParallelPicture {
  /** Across, of each axis; and of the top and the foot of all. CSS pixels. */
  xs: readonly number[];
  top: number;
  foot: number;
  /** Row-major by line, see `placesOf`; NaN is a gap. */
  places: Float64Array;
}

/** How a line is drawn. `ghost` lines are behind all others. */
export type Look = 'lit' | 'dim' | 'ghost';

/** From blue for bad to amber for good, through grey: distinguishable by colour-blind people, in both themes. */
export const goodnessColour = (goodness: number): string =>
  `color-mix(in oklab, ${colour('accent')} ${Math.round(goodness * 100)}%, ${colour('unsure')})`;
export const goodnessGradient = 'linear-gradient(90deg in oklab, var(--unsure), var(--accent))';

/** Straight pieces between neighbouring axes, as an SVG path; a value between two gaps is a dot. */
export function pathOf(
  { xs, top, foot, places }: ParallelPicture,
  line: number,
): { path: string; dots: [number, number][] } {
  const n = xs.length;
  const at = (a: number): [number, number] => [xs[a], foot - places[line * n + a] * (foot - top)];
  const isKnown = (a: number) => a >= 0 && a < n && !Number.isNaN(places[line * n + a]);
  let path = '';
  const dots: [number, number][] = [];
  for (let a = 0; a < n; a++) {
    if (!isKnown(a)) continue;
    const [x, y] = at(a);
    path += `${isKnown(a - 1) ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    if ((a > 0 && !isKnown(a - 1)) || (a < n - 1 && !isKnown(a + 1))) dots.push([x, y]);
  }
  return { path, dots };
}

export function paintLines(
  context: CanvasRenderingContext2D,
  ratio: number,
  picture: ParallelPicture,
  lines: readonly { look: Look; goodness: number }[],
) {
  const { canvas } = context;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.lineJoin = 'round';
  const colours = Array.from({ length: 33 }, (_, i) => goodnessColour(i / 32));
  const none = colour('bar');
  const crowd = Math.min(1, 60 / lines.length);
  const alpha: Record<Look, number> = { ghost: 0.07, dim: 0.12 + 0.48 * crowd, lit: 0.95 };
  const rank: Record<Look, number> = { ghost: 0, dim: 1, lit: 2 };
  const order = lines
    .map((_, i) => i)
    .sort((i, j) => rank[lines[i].look] - rank[lines[j].look] || (lines[i].goodness || 0) - (lines[j].goodness || 0));
  for (const i of order) {
    const { look, goodness } = lines[i];
    const { path, dots } = pathOf(picture, i);
    context.globalAlpha = alpha[look];
    context.lineWidth = look === 'lit' ? 1.8 : 1.2;
    context.strokeStyle = context.fillStyle = Number.isNaN(goodness) ? none : colours[Math.round(goodness * 32)];
    context.setLineDash(Number.isNaN(goodness) ? [3, 3] : []);
    context.stroke(new Path2D(path));
    for (const [x, y] of dots) {
      context.beginPath();
      context.arc(x, y, 2.2, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** The line that is nearest to a point between two axes, within `reachPx` up or down; -1 for none. */
export function nearestLine(
  { xs, top, foot, places }: ParallelPicture,
  { x, y }: { x: number; y: number },
  reachPx: number,
  counts: (line: number) => boolean,
): number {
  const n = xs.length;
  const right = Math.max(
    1,
    xs.findIndex((own) => own >= x),
  );
  if (n < 2 || x < xs[0] - reachPx || x > xs[n - 1] + reachPx) return -1;
  const a = x > xs[n - 1] ? n - 1 : right;
  const t = Math.min(1, Math.max(0, (x - xs[a - 1]) / (xs[a] - xs[a - 1])));
  let [best, least] = [-1, reachPx];
  for (let i = 0; i < places.length / n; i++) {
    if (!counts(i)) continue;
    const [from, to] = [places[i * n + a - 1], places[i * n + a]];
    // Beside a gap there is only the dot on one of the axes.
    const place =
      Number.isNaN(from) || Number.isNaN(to) ? (t < 0.08 ? from : t > 0.92 ? to : NaN) : from + (to - from) * t;
    const distance = Math.abs(foot - place * (foot - top) - y);
    if (distance <= least) [best, least] = [i, distance];
  }
  return best;
}
