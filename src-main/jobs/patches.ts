/**
 * Pretrained features of patches as rows of the row store, for anomaly scorers: feature maps of two stages of the network in float16, of the image in its own aspect
 * ratio. With a longest side of 448 px a row takes 426 kB, so rows are only made when a scorer needs them, and the store removes the least recently used.
 */
import { patchLayout, sideStep } from '../compute/embed/patches.ts';
import { usual, type Pretrained } from '../compute/models/pretrained.ts';
import { clamp } from '../contract/numbers.ts';
import { makeRectangle } from '../image/pixels.ts';
import { withImage } from '../image/scanned.ts';
import { patchRowShape } from '../rows/patch-rows.ts';
import type { RowRecipe } from '../rows/row-store.ts';
import { featureRecipe, type Source } from './embeddings.ts';

/** `sizePx`: the longest side to which images are resized. */
export function patchRecipe({ compute, folder }: Source, sizePx: number, source: Pretrained = usual): RowRecipe {
  const layout = patchLayout(source, sizePx);
  const recipe = featureRecipe(folder, source, (bytes, signal) =>
    compute.call('patches', { model: source.id, sizePx, bytes }, { signal }),
  );
  return {
    ...recipe,
    kind: 'patches',
    settings: `${recipe.settings}-${sizePx}`,
    type: 'float16',
    shape: patchRowShape(layout),
    layout,
    decode: (sample) =>
      withImage(folder, sample, async (image) => {
        const [height, width] = sidesOf(image.height, image.width, sizePx);
        const row = Buffer.alloc(2 + height * width * 3);
        row.set([height / sideStep, width / sideStep]);
        row.set(await makeRectangle(image, width, height), 2);
        return row;
      }),
  };
}

/** The longest side becomes `sizePx`; both become multiples of `sideStep`, so a very long image is stretched to be at least that wide. */
export function sidesOf(height: number, width: number, sizePx: number): [height: number, width: number] {
  const scale = sizePx / Math.max(height, width) / sideStep;
  const side = (px: number): number => sideStep * clamp(Math.round(px * scale), 1, sizePx / sideStep);
  return [side(height), side(width)];
}
