/** What a run's model shows of one image: its anomaly map, and its reconstruction. */
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import type { ImageArgs, MapResult, ReconstructionResult } from '../protocol.ts';
import { readBack } from '../read-back.ts';
import { withScorer } from './saved.ts';

export async function map({ runFolder, images: set }: ImageArgs): Promise<MapResult> {
  return withScorer(runFolder, set, async (model, images, { title }) => {
    let map: Float32Array | undefined;
    await images.forEachBlock(async (block) => void ({ maps: map } = await model.score(block, null)));
    if (!map) throw new BadParameters(`${title} gives no map.`);
    return { sizePx: Math.sqrt(map.length), map };
  });
}

export async function reconstruct({ runFolder, images: set }: ImageArgs): Promise<ReconstructionResult> {
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
}
