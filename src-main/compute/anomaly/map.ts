/** The reconstruction and error map of one image, from a run's model. */
import { tf } from '../backend.ts';
import { uploadPixels } from '../ops/upload.ts';
import { Pixels } from '../pixels.ts';
import type { MapArgs, MapResult } from '../protocol.ts';
import { readBack } from '../read-back.ts';
import { errorMaps } from './error-map.ts';
import { withScorer } from './saved.ts';

export function map({ runFolder, pixels: set }: MapArgs): Promise<MapResult> {
  return withScorer(runFolder, set.shape[0], async ({ model, measure }) => {
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
}
