/** The reconstruction and error map of one image, from a run's model. */
import { tf } from '../backend.ts';
import { defineCall } from '../call.ts';
import { uploadPixels } from '../ops/upload.ts';
import { Pixels, type PixelSet } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { errorMaps } from './error-map.ts';
import { withScorer } from './saved.ts';

export interface MapArgs {
  runFolder: string;
  /** One row. */
  pixels: PixelSet;
}

export interface MapResult {
  sizePx: number;
  reconstruction: Uint8Array; // [sizePx, sizePx, 3]
  /** As the score pools it, smoothed where the score smooths. */
  map: Float32Array; // [sizePx, sizePx]
}

export const map = defineCall({
  run({ runFolder, pixels: set }: MapArgs): Promise<MapResult> {
    return withScorer(runFolder, set.sizePx, async ({ model, measure }) => {
      const pixels = new Pixels(set);
      try {
        const [y, errors] = tf.tidy(() => {
          const x = uploadPixels(pixels.read(Int32Array.of(0)), 1, pixels.sizePx);
          const y = model.reconstruct(x);
          return [tf.mul(tf.clipByValue(y, 0, 1), 255), errorMaps(x, y, measure)];
        });
        const [reconstruction, errorMap] = await Promise.all([readBack(y), readBack(errors)]);
        return { sizePx: pixels.sizePx, reconstruction: Uint8Array.from(reconstruction, Math.round), map: errorMap };
      } finally {
        pixels.close();
      }
    });
  },
});
