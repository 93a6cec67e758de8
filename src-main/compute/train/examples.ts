/**
 * Makes training examples from rows of pixels: augmentation, random crop, mixing with another image of the batch, and the target. The feed's worker and the
 * preview in the engine use the same functions. The augmentation of an image depends only on the seed, on the number of passes before (`view`) and on the
 * image's key, which identifies its content: so the preview can show one image without its batch. Only mixing needs another image.
 */
import { applyMix, drawMix, type Mix } from '../augment/mix.ts';
import { applySteps, drawRecipe, type Recipe, type Step } from '../augment/recipe.ts';
import { random } from '../random.ts';

export interface Examples {
  /** Class index of each position. */
  labels: Int32Array;
  /** A number for each position that identifies its content. */
  keys: Int32Array;
  classes: number;
  /** Label smoothing: fraction of a target that is spread over all classes (Szegedy et al. 2016). */
  smoothing: number;
  /** Side of the examples; at most the side of the rows. */
  cropPx: number;
  recipe: Recipe;
}

/** All random choices for one image: augmentation steps, and the position of the crop. */
export interface DrawnExample {
  steps: Step[];
  left: number;
  top: number;
}

/** The choices depend only on the seed, the view (0 for the first time that an image is shown, and so on) and the image's key. */
export function drawExample(
  { recipe, keys, cropPx }: Examples,
  sizePx: number,
  seed: number,
  view: number,
  position: number,
): DrawnExample {
  const next = random('example', seed, view, keys[position]);
  const steps = drawRecipe(recipe, sizePx, next);
  const within = sizePx - cropPx + 1;
  return { steps, left: Math.floor(next() * within), top: Math.floor(next() * within) };
}

/** The mix of a batch: all its images are mixed with the same lambda. */
export const drawBatchMix = ({ recipe, cropPx }: Examples, seed: number, step: number): Mix | null =>
  drawMix(recipe, cropPx, random('mix', seed, step));

/** The index of the image with which image `i` of a batch is mixed: the next one. */
export const partnerOf = (i: number, count: number): number => (i + 1) % count;

/** `row` [S, S, 3] is changed in place; the crop is written to `out` [cropPx, cropPx, 3]. */
export function applyDrawn(
  row: Uint8Array,
  sizePx: number,
  { steps, left, top }: DrawnExample,
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
 * Makes a batch: from `rows` [n, S, S, 3], which are overwritten, to `out` [n, cropPx, cropPx, 3] and `targets` [n, classes], whose rows add up to 1. `view`:
 * number of passes before.
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
    const before = out.slice(0, to); // the first image before it is mixed: the partner of the last one
    for (let i = 0; i < n; i++)
      applyMix(
        out.subarray(i * to, (i + 1) * to),
        i + 1 < n ? out.subarray((i + 1) * to, (i + 2) * to) : before,
        cropPx,
        mix,
      );
  }
  const lambda = mix?.lambda ?? 1;
  targets.fill(smoothing / classes, 0, n * classes);
  for (let i = 0; i < n; i++) {
    targets[i * classes + labels[positions[i]]] += (1 - smoothing) * lambda;
    if (mix) targets[i * classes + labels[positions[partnerOf(i, n)]]] += (1 - smoothing) * (1 - lambda);
  }
}
