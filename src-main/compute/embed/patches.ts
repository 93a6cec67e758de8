/**
 * Features of the patches of an image by bundled weights: the feature maps of middle stages, which describe textures and parts (Cohen & Hoshen 2020; Defard et
 * al. 2021; Roth et al. 2022).
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { patchRowShape, type PatchLayout } from '../../rows/patch-rows.ts';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { normalised } from '../classify/transform.ts';
import type { Pretrained } from '../models/pretrained.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { withPretrained, type Loaded } from './features.ts';

/** The sides of an image for this network are multiples of this, so that its maps are not padded. */
export const sideStep = 32;

export interface PatchArgs {
  /** Id of the bundled weights. */
  model: string;
  /** The longest side of the images. */
  sizePx: number;
  /** For each image its height and width in units of `sideStep` (one byte each), then its pixels [height, width, 3]. */
  bytes: Uint8Array;
}

export const patchLayout = ({ patches }: Pretrained, sizePx: number): PatchLayout => ({
  side: sizePx / patches[0].stride,
  stages: patches.map(({ stride, channels }) => ({ step: stride / patches[0].stride, channels })),
});

/** Rows of float16 in the layout of `rows/patch-rows.ts`, as bytes. */
export const patches = defineCall({
  async run({ model, sizePx, bytes }: PatchArgs, { signal }: CallContext): Promise<Uint8Array> {
    const yieldToEventLoop = pace(signal);
    return withPretrained(model, async (loaded) => {
      const { source } = loaded;
      const images = cut(bytes);
      const [length] = patchRowShape(patchLayout(source, sizePx));
      const out = new Float16Array(images.length * length);
      const most = blockOf(sizePx) * 4;
      for (let from = 0; from < images.length;) {
        const { height, width } = images[from];
        let count = 1;
        while (count < most && images[from + count]?.height === height && images[from + count].width === width) count++;
        const pixels = bytes.subarray(images[from].at, images[from].at + count * (height * width * 3 + 2));
        const maps = tf.tidy(() =>
          patchMaps(loaded, uploadPixels(withoutHeaders(pixels, count), count, height, width)),
        );
        const finest = source.patches[0].stride;
        const values = await Promise.all(maps.map((map) => readBack(map)));
        for (let i = 0; i < count; i++) {
          let at = (from + i) * length;
          out.set([height / finest, width / finest], at);
          at += 2;
          for (const map of values) {
            const size = map.length / count;
            out.set(map.subarray(i * size, (i + 1) * size), at);
            at += size;
          }
        }
        from += count;
        await yieldToEventLoop();
      }
      return new Uint8Array(out.buffer);
    });
  },
});

/** The feature maps of the stages of images [B, height, width, 3], 0..1: [B, height / stride, width / stride, channels]. They outlive a `tidy`. */
export function patchMaps({ network, source }: Pick<Loaded, 'network' | 'source'>, x: Tensor4D): Tensor4D[] {
  const last = source.patches.at(-1)!.stage;
  const found: Tensor4D[] = [];
  network.infer(normalised(x, source), (input, scope) =>
    network.architecture.features(input, {
      ...scope,
      stage(name, map) {
        if (source.patches.some(({ stage }) => stage === name)) found.push(tf.keep(map));
        return name === last;
      },
    }),
  );
  return found;
}

/** The place and size of each image. */
function cut(bytes: Uint8Array): { at: number; height: number; width: number }[] {
  const images = [];
  for (let at = 0; at < bytes.length;) {
    const [height, width] = [bytes[at] * sideStep, bytes[at + 1] * sideStep];
    images.push({ at, height, width });
    at += 2 + height * width * 3;
  }
  return images;
}

/** The pixels of images of one size. */
function withoutHeaders(bytes: Uint8Array, count: number): Uint8Array {
  const size = bytes.length / count;
  const pixels = new Uint8Array(bytes.length - 2 * count);
  for (let i = 0; i < count; i++) pixels.set(bytes.subarray(i * size + 2, (i + 1) * size), i * (size - 2));
  return pixels;
}
