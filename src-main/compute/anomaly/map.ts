/** What a run's model shows of one image: its anomaly map, and its reconstruction. */
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { readBack } from '../read-back.ts';
import { withScorer } from './saved.ts';

/** One image, shown to the model of a finished run. */
export interface ImageArgs {
  runFolder: string;
  /** One row. */
  images: RowSet;
}

export interface MapResult {
  sizePx: number;
  /** As the score pools it, smoothed where the score smooths. */
  map: Float32Array; // [sizePx, sizePx]
}

export interface ReconstructionResult {
  sizePx: number;
  reconstruction: Uint8Array; // [sizePx, sizePx, 3]
}

export const map = defineCall({
  async run({ runFolder, images: set }: ImageArgs): Promise<MapResult> {
    return withScorer(runFolder, set, async (model, images, { title }) => {
      let map: Float32Array | undefined;
      await images.forEachBlock(async (block) => void ({ maps: map } = await model.score(block, null)));
      if (!map) throw new BadParameters(`${title} gives no map.`);
      return { sizePx: Math.sqrt(map.length), map };
    });
  },
});

export const reconstruct = defineCall({
  async run({ runFolder, images: set }: ImageArgs): Promise<ReconstructionResult> {
    return withScorer(runFolder, set, async (model, images, { title }) => {
      let reconstruction: Uint8Array | undefined;
      await images.forEachBlock(async (block) => {
        const y = tf.tidy(() => {
          const drawn = model.reconstruct?.(block);
          return drawn && tf.mul(tf.clipByValue(drawn, 0, 1), 255);
        });
        if (y) reconstruction = Uint8Array.from(await readBack(y), Math.round);
      });
      if (!reconstruction) throw new BadParameters(`${title} gives no reconstruction.`);
      return { sizePx: Math.sqrt(reconstruction.length / 3), reconstruction };
    });
  },
});
