/**
 * Features of the patches of an image by bundled weights: the feature maps of middle stages, which describe textures and parts (Cohen & Hoshen 2020; Defard et
 * al. 2021). Maps of later stages are smaller; they are resized bilinearly, so that each patch has a number from every channel.
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { normalised } from '../classify/transform.ts';
import { pace } from '../pace.ts';
import { readBack } from '../read-back.ts';
import { inBlocks, withPretrained, type FeaturesArgs } from './features.ts';

/** Rows of float16, [images, side, side, channels], as bytes. */
export const patches = defineCall({
  async run({ model, bytes }: FeaturesArgs, { signal }: CallContext): Promise<Uint8Array> {
    const yieldToEventLoop = pace(signal);
    return withPretrained(model, async ({ network, source }) => {
      const { stages, side, channels } = source.patches;
      const out = new Float16Array((bytes.length / (source.sizePx ** 2 * 3)) * side * side * channels);
      await inBlocks(bytes, source.sizePx, async (x, from) => {
        const features = network.infer(normalised(x, source), (input, scope) => {
          const maps: Tensor4D[] = [];
          const stage = (name: string, map: Tensor4D): void => {
            if (stages.includes(name)) maps.push(tf.image.resizeBilinear(map, [side, side], false, true));
          };
          network.architecture.features(input, { ...scope, stage });
          return tf.concat4d(maps, 3);
        });
        out.set(await readBack(features), from * side * side * channels);
        await yieldToEventLoop();
      });
      return new Uint8Array(out.buffer);
    });
  },
});
