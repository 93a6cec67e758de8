/**
 * A run's model as a source of codes: what it knows each image by, one row of numbers an image. A further source is a further
 * function beside this one with the same result; the map does not care whose codes it lays out.
 */
import { withScorer } from '../anomaly/saved.ts';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels, type PixelSet } from '../pixels.ts';
import { readBack } from '../read-back.ts';

export interface EmbedArgs {
  /** Of a finished run: its model encodes. */
  runFolder: string;
  pixels: PixelSet;
}

export interface EmbedEvent {
  done: number;
  total: number;
}

export interface EmbedResult {
  codes: Float32Array; // [images, size]
  size: number;
}

export const embed = defineCall({
  run({ runFolder, pixels: set }: EmbedArgs, { signal, onEvent }: CallContext<EmbedEvent>): Promise<EmbedResult> {
    const breathe = pace(signal);
    return withScorer(runFolder, set.sizePx, async ({ model }) => {
      const pixels = new Pixels(set);
      let codes = new Float32Array(0);
      let size = 0;
      try {
        for (const positions of pixels.blocks(blockOf(pixels.sizePx))) {
          await breathe();
          const code = tf.tidy(() =>
            model.encode(uploadPixels(pixels.read(positions), positions.length, pixels.sizePx)),
          );
          if (!size) codes = new Float32Array(pixels.count * (size = code.shape[1]));
          codes.set(await readBack(code), positions[0] * size);
          onEvent({ done: positions[0] + positions.length, total: pixels.count });
        }
        return { codes, size };
      } finally {
        pixels.close();
      }
    });
  },
});
