/**
 * Outlines of the regions of a grid above a threshold, as polygons: marching squares with linear interpolation (Lorensen and Cline 1987, in two dimensions),
 * simplified by Douglas and Peucker's algorithm (1973). Coordinates are those of COCO: pixel (x, y) covers x to x + 1 and y to y + 1.
 */

/** Corners, x and y in turn, clockwise on the screen. The last corner is joined to the first. */
export type Ring = number[];

export interface Region {
  /** The outline. A hole is joined to it by a cut of no width, since polygons of COCO have no holes. */
  outline: Ring;
  /** Square pixels, without the holes. */
  area: number;
  /** Left, top, width, height. */
  box: [number, number, number, number];
  /** The largest value in the region. */
  peak: number;
}

/**
 * The regions whose values are at least `threshold`, from the top. `values`: [height, width]. The outlines differ by at most `tolerance` pixels from the exact
 * ones.
 */
export function regionsOf(
  values: Float32Array,
  width: number,
  height: number,
  threshold: number,
  tolerance = 0.25,
): Region[] {
  const field: Field = { values, width, height, threshold };
  const rings = ringsOf(field).map(({ ring, start }) => ({ ring, start, area: areaOf(ring), box: boxOf(ring) }));
  const outer = rings.filter(({ area }) => area > 0).map((ring) => ({ ...ring, holes: [] as typeof rings }));
  for (const hole of rings.filter(({ area }) => area < 0)) {
    const [x, y] = hole.ring;
    const around = outer.filter(
      ({ area, box, ring }) => area > -hole.area && isInBox(box, x, y) && isInside(ring, x, y),
    );
    around.sort((a, b) => a.area - b.area)[0]?.holes.push(hole);
  }
  const seen = new Uint8Array(values.length);
  return outer.map(({ ring, holes, start, box: [left, top, right, bottom] }) => {
    const cuts = holes.map((hole) => simplified(hole.ring, tolerance)).sort((a, b) => leftmost(a).x - leftmost(b).x);
    const outline = cuts.reduce(withHole, simplified(ring, tolerance));
    return {
      outline,
      area: areaOf(outline),
      box: [left, top, right - left, bottom - top],
      peak: peakOf(field, start, seen),
    };
  });
}

interface Field {
  values: Float32Array;
  width: number;
  height: number;
  threshold: number;
}

// --- marching squares, on the grid with a margin of one cell, so that every outline is closed ---

/** The value of a cell of the grid with margin. */
const valueAt = ({ values, width, height }: Field, x: number, y: number): number =>
  x > 0 && y > 0 && x <= width && y <= height ? values[(y - 1) * width + x - 1] : -Infinity;

/** The sides of a square of four neighbouring cells. */
type Side = 'top' | 'right' | 'bottom' | 'left';
/** From which side to which the outline crosses a square, with the region on the right, by the cells in the region: top left 1, top right 2, bottom right 4, bottom left 8. */
const crossings: Readonly<Record<number, readonly (readonly [Side, Side])[]>> = {
  1: [['top', 'left']],
  2: [['right', 'top']],
  3: [['right', 'left']],
  4: [['bottom', 'right']],
  6: [['bottom', 'top']],
  7: [['bottom', 'left']],
  8: [['left', 'bottom']],
  9: [['top', 'bottom']],
  11: [['right', 'bottom']],
  12: [['left', 'right']],
  13: [['top', 'right']],
  14: [['left', 'top']],
};
/** Two opposite cells are joined if the mean of the four is in the region. */
const joined: Readonly<Record<number, readonly (readonly [Side, Side])[]>> = {
  5: [...crossings[13], ...crossings[7]],
  10: [...crossings[14], ...crossings[11]],
};
const apart: Readonly<Record<number, readonly (readonly [Side, Side])[]>> = {
  5: [...crossings[1], ...crossings[4]],
  10: [...crossings[2], ...crossings[8]],
};

/** All outlines. `start`: a cell of the region beside the outline, by its index in the values. */
function ringsOf(field: Field): { ring: Ring; start: number }[] {
  const { width, height, threshold } = field;
  const inRow = width + 2;
  /** A pair of neighbouring cells: of a cell and the one to its right, or the one below it. */
  const pair = (x: number, y: number, isBelow: boolean): number => 2 * (y * inRow + x) + Number(isBelow);
  const next = new Map<number, number>();
  for (let y = 0; y <= height; y++)
    for (let x = 0; x <= width; x++) {
      const corners = [
        valueAt(field, x, y),
        valueAt(field, x + 1, y),
        valueAt(field, x + 1, y + 1),
        valueAt(field, x, y + 1),
      ];
      let code = 0;
      for (let i = 0; i < 4; i++) if (corners[i] >= threshold) code |= 1 << i;
      if (code === 0 || code === 15) continue;
      const isSaddle = code === 5 || code === 10;
      const lines = !isSaddle ? crossings[code] : (meanOfFour(corners) >= threshold ? joined : apart)[code];
      const pairs = {
        top: pair(x, y, false),
        right: pair(x + 1, y, true),
        bottom: pair(x, y + 1, false),
        left: pair(x, y, true),
      };
      for (const [from, to] of lines) next.set(pairs[from], pairs[to]);
    }
  const rings: { ring: Ring; start: number }[] = [];
  for (const first of next.keys()) {
    const ring: Ring = [];
    for (let at: number | undefined = first; at !== undefined;) {
      ring.push(...crossingOf(field, at, inRow));
      const then = next.get(at);
      next.delete(at);
      at = then === first ? undefined : then;
    }
    rings.push({ ring, start: cellOf(field, first, inRow) });
  }
  return rings;
}

const meanOfFour = ([a, b, c, d]: readonly number[]): number => (a + b + c + d) / 4;

/** The cells of a pair: x, y, x, y on the grid with margin. */
function cellsOf(pair: number, inRow: number): [number, number, number, number] {
  const cell = pair >> 1;
  const [x, y] = [cell % inRow, Math.floor(cell / inRow)];
  return pair & 1 ? [x, y, x, y + 1] : [x, y, x + 1, y];
}

/** Where the outline passes between a pair of cells; at the border of the image if one is in the margin. */
function crossingOf(field: Field, pair: number, inRow: number): [number, number] {
  const [ax, ay, bx, by] = cellsOf(pair, inRow);
  const [a, b] = [valueAt(field, ax, ay), valueAt(field, bx, by)];
  const t = a === -Infinity || b === -Infinity ? 0.5 : (a - field.threshold) / (a - b);
  return [ax + t * (bx - ax) - 0.5, ay + t * (by - ay) - 0.5];
}

function cellOf(field: Field, pair: number, inRow: number): number {
  const [ax, ay, bx, by] = cellsOf(pair, inRow);
  const isFirst = valueAt(field, ax, ay) >= field.threshold;
  return isFirst ? (ay - 1) * field.width + ax - 1 : (by - 1) * field.width + bx - 1;
}

/** The largest value of the region of a cell, whose cells are joined as the outlines join them. Marks the cells as seen. */
function peakOf(field: Field, start: number, seen: Uint8Array): number {
  const { values, width, height, threshold } = field;
  const isIn = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && values[y * width + x] >= threshold;
  let peak = -Infinity;
  const open = [start];
  const visit = (x: number, y: number) => {
    const at = y * width + x;
    if (seen[at]) return;
    seen[at] = 1;
    open.push(at);
  };
  seen[start] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    peak = Math.max(peak, values[at]);
    const [x, y] = [at % width, Math.floor(at / width)];
    for (const [dx, dy] of steps) {
      const [toX, toY] = [x + dx, y + dy];
      if (!isIn(toX, toY)) continue;
      const isDiagonal = dx !== 0 && dy !== 0;
      // Next to a common neighbour it is reached through that one.
      if (isDiagonal && !isIn(toX, y) && !isIn(x, toY)) {
        const around = [values[at], values[toY * width + toX], values[y * width + toX], values[toY * width + x]];
        if (meanOfFour(around) < threshold) continue;
      }
      visit(toX, toY);
    }
  }
  return peak;
}
const steps = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dx, dy] as const)).filter(([dx, dy]) => dx || dy);

// --- rings ---

/** Positive if the corners are clockwise on the screen. */
function areaOf(ring: Ring): number {
  let sum = 0;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2)
    sum += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
  return sum / 2;
}

/** Left, top, right, bottom. */
function boxOf(ring: Ring): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < ring.length; i += 2) {
    box[0] = Math.min(box[0], ring[i]);
    box[1] = Math.min(box[1], ring[i + 1]);
    box[2] = Math.max(box[2], ring[i]);
    box[3] = Math.max(box[3], ring[i + 1]);
  }
  return box;
}

const isInBox = ([left, top, right, bottom]: readonly number[], x: number, y: number): boolean =>
  x >= left && x <= right && y >= top && y <= bottom;

/** By the even-odd rule. */
function isInside(ring: Ring, x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    if (ring[i + 1] > y !== ring[j + 1] > y && x < crossX(ring, j, i, y)) inside = !inside;
  }
  return inside;
}

/** Where the side from corner `a` to corner `b` meets the row `y`. */
const crossX = (ring: Ring, a: number, b: number, y: number): number =>
  ring[a] + ((y - ring[a + 1]) / (ring[b + 1] - ring[a + 1])) * (ring[b] - ring[a]);

function leftmost(ring: Ring): { at: number; x: number; y: number } {
  let at = 0;
  for (let i = 2; i < ring.length; i += 2) if (ring[i] < ring[at]) at = i;
  return { at, x: ring[at], y: ring[at + 1] };
}

/** The outline with a hole, which a cut joins from its leftmost corner to the nearest side of the outline on the left. Holes must be joined from left to right. */
function withHole(outline: Ring, hole: Ring): Ring {
  const { at, x, y } = leftmost(hole);
  let [nearest, after] = [-Infinity, -1];
  for (let i = 0, j = outline.length - 2; i < outline.length; j = i, i += 2) {
    if (outline[i + 1] > y === outline[j + 1] > y) continue;
    const crossing = crossX(outline, j, i, y);
    if (crossing <= x && crossing > nearest) [nearest, after] = [crossing, i];
  }
  if (after < 0) return outline;
  const cut = [nearest, y];
  return [
    ...outline.slice(0, after),
    ...cut,
    ...hole.slice(at),
    ...hole.slice(0, at),
    x,
    y,
    ...cut,
    ...outline.slice(after),
  ];
}

/** Fewer corners, at most `tolerance` from the ring. A ring that would lose its area stays as it is. */
function simplified(ring: Ring, tolerance: number): Ring {
  const corners = ring.length / 2;
  let farthest = 0;
  for (let i = 1; i < corners; i++) if (distance2(ring, i, 0) > distance2(ring, farthest, 0)) farthest = i;
  const isKept = new Uint8Array(corners + 1);
  isKept[0] = isKept[farthest] = 1;
  // `corners` stands for the first corner again.
  const open: [number, number][] = [
    [0, farthest],
    [farthest, corners],
  ];
  for (let span = open.pop(); span; span = open.pop()) {
    const [from, to] = span;
    let [worst, most] = [-1, tolerance];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceToSide(ring, i, from, to % corners);
      if (distance > most) [worst, most] = [i, distance];
    }
    if (worst < 0) continue;
    isKept[worst] = 1;
    open.push([from, worst], [worst, to]);
  }
  const kept = ring.filter((_, i) => isKept[i >> 1]);
  return kept.length < 6 ? ring : kept;
}

const distance2 = (ring: Ring, a: number, b: number): number =>
  (ring[2 * a] - ring[2 * b]) ** 2 + (ring[2 * a + 1] - ring[2 * b + 1]) ** 2;

function distanceToSide(ring: Ring, corner: number, from: number, to: number): number {
  const [dx, dy] = [ring[2 * to] - ring[2 * from], ring[2 * to + 1] - ring[2 * from + 1]];
  const [px, py] = [ring[2 * corner] - ring[2 * from], ring[2 * corner + 1] - ring[2 * from + 1]];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
  return Math.hypot(px - t * dx, py - t * dy);
}
