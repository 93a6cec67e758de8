/**
 * Codes of images by the model of a run: one vector per image. Another source of codes is another call with the same result (such as `features.ts`); the map
 * layout accepts codes of any source.
 */
import type { RowSet } from '../../rows/row-set.ts';
import { withScorer } from '../anomaly/saved.ts';
import { BadParameters } from '../bad-parameters.ts';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { readBack } from '../read-back.ts';

export interface EmbedArgs {
  /** The folder of a finished run with a model that encodes. */
  runFolder: string;
  images: RowSet;
}

export interface EmbedEvent {
  done: number;
  total: number;
}

export interface EmbedResult {
  codes: Float32Array; // [images, size]
  size: number;
}

/** Throws BadParameters if the run's scorer gives no codes. */
export const embed = defineCall({
  run({ runFolder, images: set }: EmbedArgs, { signal, onEvent }: CallContext<EmbedEvent>): Promise<EmbedResult> {
    const yieldToEventLoop = pace(signal);
    return withScorer(runFolder, set, async (model, images, { scorer: { title } }) => {
      if (!model.encode) throw new BadParameters(`${title} gives no codes.`);
      const { count: total } = images.reader;
      let codes = new Float32Array(0);
      let size = 0;
      await images.forEachBlock(async (block, positions) => {
        await yieldToEventLoop();
        const code = tf.tidy(() => model.encode!(block));
        if (!size) codes = new Float32Array(total * (size = code.shape[1]));
        codes.set(await readBack(code), positions[0] * size);
        onEvent({ done: positions[0] + positions.length, total });
      });
      return { codes, size };
    });
  },
});
