/**
 * From rows of pixels to what training sees: augmented, cropped at random, mixed with a neighbour of the batch, each with its target. Training and the
 * preview make their pixels here. What happens to an image depends on the seed, on how often it has been seen (`view`) and on its own key, so that one
 * image can be shown without the batch around it; only mixing asks for its neighbour.
 */
import { applyMix, drawMix, type Mix } from '../augment/mix.ts';
import { applySteps, drawRecipe, type Recipe, type Step } from '../augment/recipe.ts';
import { random } from '../random.ts';

export interface Examples {
  /** Of each position in the set: its class, and a number that stands for its content. */
  labels: Int32Array;
  keys: Int32Array;
  classes: number;
  /** Share of a target that is spread over all classes (Szegedy et al. 2016). */
  smoothing: number;
  /** Side of what comes out; rows are as large or larger. */
  cropPx: number;
  recipe: Recipe;
}

/** What is done to one image, all drawn before it is done. */
export interface Drawn {
  steps: Step[];
  left: number;
  top: number;
}

export function drawExample(
  { recipe, keys, cropPx }: Examples,
  sizePx: number,
  seed: number,
  view: number,
  position: number,
): Drawn {
  const next = random('example', seed, view, keys[position]);
  const steps = drawRecipe(recipe, sizePx, next);
  const within = sizePx - cropPx + 1;
  return { steps, left: Math.floor(next() * within), top: Math.floor(next() * within) };
}

/** One mix a batch, so that its share is one number. */
export const drawBatchMix = ({ recipe, cropPx }: Examples, seed: number, step: number): Mix | null =>
  drawMix(recipe, cropPx, random('mix', seed, step));

/** Whom an image of a batch is mixed with: the one after it. */
export const partnerOf = (i: number, count: number): number => (i + 1) % count;

/** `row` [S, S, 3] is changed in place; the crop is written to `out` [cropPx, cropPx, 3]. */
export function applyDrawn(
  row: Uint8Array,
  sizePx: number,
  { steps, left, top }: Drawn,
  out: Uint8Array,
  cropPx: number,
): void {
  if (steps.length) applySteps(row, sizePx, steps);
  crop(row, sizePx, left, top, out, cropPx);
}

/** The crop for evaluation: the centre. */
export function centreCrop(rows: Uint8Array, count: number, sizePx: number, cropPx: number): Uint8Array {
  if (cropPx === sizePx) return rows;
  const [from, to] = [sizePx ** 2 * 3, cropPx ** 2 * 3];
  const out = new Uint8Array(count * to);
  const edge = Math.floor((sizePx - cropPx) / 2);
  for (let i = 0; i < count; i++)
    crop(rows.subarray(i * from, (i + 1) * from), sizePx, edge, edge, out.subarray(i * to, (i + 1) * to), cropPx);
  return out;
}

function crop(row: Uint8Array, sizePx: number, left: number, top: number, out: Uint8Array, cropPx: number): void {
  if (cropPx === sizePx) return out.set(row);
  const line = cropPx * 3;
  for (let y = 0; y < cropPx; y++) {
    const at = ((top + y) * sizePx + left) * 3;
    out.set(row.subarray(at, at + line), y * line);
  }
}

/**
 * A whole batch: rows [n, S, S, 3], which are used up, to `out` [n, cropPx, cropPx, 3] and `targets` [n, classes], each row adding up to 1. `view`: how many
 * passes went before.
 */
export function makeBatch(
  examples: Examples,
  rows: Uint8Array,
  sizePx: number,
  positions: Int32Array,
  seed: number,
  view: number,
  step: number,
  out: Uint8Array,
  targets: Float32Array,
): void {
  const { labels, classes, smoothing, cropPx } = examples;
  const [from, to] = [sizePx ** 2 * 3, cropPx ** 2 * 3];
  const n = positions.length;
  for (let i = 0; i < n; i++)
    applyDrawn(
      rows.subarray(i * from, (i + 1) * from),
      sizePx,
      drawExample(examples, sizePx, seed, view, positions[i]),
      out.subarray(i * to, (i + 1) * to),
      cropPx,
    );
  const mix = drawBatchMix(examples, seed, step);
  if (mix) {
    const before = out.slice(0, to); // the last one's partner, before it is mixed itself
    for (let i = 0; i < n; i++)
      applyMix(
        out.subarray(i * to, (i + 1) * to),
        i + 1 < n ? out.subarray((i + 1) * to, (i + 2) * to) : before,
        cropPx,
        mix,
      );
  }
  const share = mix?.share ?? 1;
  targets.fill(smoothing / classes, 0, n * classes);
  for (let i = 0; i < n; i++) {
    targets[i * classes + labels[positions[i]]] += (1 - smoothing) * share;
    if (mix) targets[i * classes + labels[positions[partnerOf(i, n)]]] += (1 - smoothing) * (1 - share);
  }
}
