/**
 * A run's model as a source of codes: what it knows each image by, one row of numbers an image. A further source is a further
 * function beside this one with the same result; the map does not care whose codes it lays out.
 */
import { withScorer } from '../anomaly/saved.ts';
import { tf } from '../backend.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels } from '../pixels.ts';
import type { EmbedArgs, EmbedEvent, EmbedResult } from '../protocol.ts';
import { readBack } from '../read-back.ts';

export function embed(
  { runFolder, pixels: set }: EmbedArgs,
  signal: AbortSignal,
  onEvent: (event: EmbedEvent) => void,
): Promise<EmbedResult> {
  const breathe = pace(signal);
  return withScorer(runFolder, set.shape[0], async ({ model }) => {
    const pixels = new Pixels(set);
    let codes = new Float32Array(0);
    let size = 0;
    try {
      for (const positions of pixels.blocks(blockOf(pixels.sizePx))) {
        await breathe();
        const code = tf.tidy(() => model.encode(uploadPixels(pixels.read(positions), positions.length, pixels.sizePx)));
        if (!size) codes = new Float32Array(pixels.count * (size = code.shape[1]));
        codes.set(await readBack(code), positions[0] * size);
        onEvent({ done: positions[0] + positions.length, total: pixels.count });
      }
      return { codes, size };
    } finally {
      pixels.close();
    }
  });
}
