/** The anomaly map and the reconstruction of one image, and the normal patch that is nearest to a place of it, by the model of a finished run. */
import { largestOf } from '../../contract/numbers.ts';
import type { Place } from '../../contract/unlike.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { readBack } from '../read-back.ts';
import { withScorer } from './saved.ts';
import type { NearestPatch, ScoreMaps } from './scorer.ts';

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
    return withScorer(runFolder, set, async (model, images, { scorer, fitted }) => {
      let maps: ScoreMaps | undefined;
      await images.forEachBlock(async (block) => void ({ maps } = await model.score(block, fitted)));
      if (!maps) throw new BadParameters(`${scorer.title} gives no map.`);
      const { values: map, ...grid } = maps;
      return { ...grid, map };
    });
  },
});

export interface UnlikeArgs extends ImageArgs {
  /** null: where the map is highest. */
  at: Place | null;
}

export interface UnlikeResult extends Omit<NearestPatch, 'position'> {
  /** The SHA-256 of the training image's file. */
  sha256: string;
}

/** Throws BadParameters if the scorer keeps no normal patches, or not their places. */
export const unlike = defineCall({
  async run({ runFolder, images: set, at }: UnlikeArgs): Promise<UnlikeResult> {
    return withScorer(runFolder, set, async (model, images, { scorer, fitted, trained }) => {
      let found: NearestPatch | undefined;
      await images.forEachBlock(async (block) => {
        const place = at ?? highestIn((await model.score(block, fitted)).maps);
        found = await model.nearestPatch?.(block, fitted, place);
      });
      if (!found) throw new BadParameters(`${scorer.title} keeps no patches of normal images.`);
      const { position, ...others } = found;
      for (const [sha256, known] of trained) if (known === position) return { ...others, sha256 };
      throw new BadParameters(
        'An earlier version of Winnow made this ranking, without the names of its normal images. Rank again.',
      );
    });
  },
});

/** The middle of the cell with the highest value. */
function highestIn(maps: ScoreMaps | undefined): Place {
  if (!maps) return { x: 0.5, y: 0.5 };
  const { values, rows, columns } = maps;
  const cell = values.indexOf(largestOf(values));
  return { x: ((cell % columns) + 0.5) / columns, y: (Math.floor(cell / columns) + 0.5) / rows };
}

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
