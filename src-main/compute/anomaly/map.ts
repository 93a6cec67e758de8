/** The anomaly map and the reconstruction of one image, by the model of a finished run. */
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { readBack } from '../read-back.ts';
import { withScorer } from './saved.ts';
import type { ScoreMaps } from './scorer.ts';

export interface ImageArgs {
  runFolder: string;
  /** A set of one row. */
  images: RowSet;
}

export interface MapResult {
  rows: number;
  columns: number;
  /** The map that is pooled into the score, with the same smoothing. It covers the whole image. */
  map: Float32Array; // [rows, columns]
}

export interface ReconstructionResult {
  sizePx: number;
  reconstruction: Uint8Array; // [sizePx, sizePx, 3]
}

/** Throws BadParameters if the scorer gives no maps. */
export const map = defineCall({
  async run({ runFolder, images: set }: ImageArgs): Promise<MapResult> {
    return withScorer(runFolder, set, async (model, images, { scorer: { title } }) => {
      let maps: ScoreMaps | undefined;
      await images.forEachBlock(async (block) => void ({ maps } = await model.score(block, null)));
      if (!maps) throw new BadParameters(`${title} gives no map.`);
      const { values: map, ...grid } = maps;
      return { ...grid, map };
    });
  },
});

/** Throws BadParameters if the scorer gives no reconstructions. */
export const reconstruct = defineCall({
  async run({ runFolder, images: set }: ImageArgs): Promise<ReconstructionResult> {
    return withScorer(runFolder, set, async (model, images, { scorer: { title } }) => {
      let reconstruction: Uint8Array | undefined;
      await images.forEachBlock(async (block) => {
        const y = tf.tidy(() => {
          const output = model.reconstruct?.(block);
          return output && tf.mul(tf.clipByValue(output, 0, 1), 255);
        });
        if (y) reconstruction = Uint8Array.from(await readBack(y), Math.round);
      });
      if (!reconstruction) throw new BadParameters(`${title} gives no reconstruction.`);
      return { sizePx: Math.sqrt(reconstruction.length / 3), reconstruction };
    });
  },
});
