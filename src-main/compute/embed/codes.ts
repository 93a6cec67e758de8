/**
 * A run's model as a source of codes: what it knows each image by, one row of numbers an image. A further source is a further
 * function beside this one with the same result; the map does not care whose codes it lays out.
 */
import { tf } from '../backend.ts';
import type { ModelHeader } from '../anomaly/fit.ts';
import { scorerOf } from '../anomaly/index.ts';
import type { Model } from '../anomaly/scorer.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels } from '../pixels.ts';
import type { EmbedArgs, EmbedEvent, EmbedResult } from '../protocol.ts';
import { readBack } from '../read-back.ts';
import { modelFile } from '../run-files.ts';
import { readTensors } from '../tensor-file.ts';

export async function embed({ runFolder, pixels: set }: EmbedArgs, signal: AbortSignal, onEvent: (event: EmbedEvent) => void): Promise<EmbedResult> {
  const breathe = pace(signal);
  const model = savedModel(runFolder, set.sizePx);
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
    model.dispose();
    pixels.close();
  }
}

/** A copy of its own: the one that draws maps may be changed for another run's at any breath. */
function savedModel(runFolder: string, sizePx: number): Model {
  const saved = readTensors<ModelHeader>(modelFile(runFolder));
  const ready = saved && scorerOf(saved.header.method)?.ready(saved.header.params);
  if (!saved || !ready) throw new Error('This run has no model to encode images with.');
  if (saved.header.sizePx !== sizePx) throw new Error(`The run's model takes images of ${saved.header.sizePx} px, and these have ${sizePx}.`);
  return ready.restore(sizePx, saved.arrays);
}
