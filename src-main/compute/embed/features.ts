/**
 * Embeddings by bundled weights: the global average pool of the last layer and of earlier stages. And the distance of the images of a folder to the images that
 * the weights were trained on: the moving means and variances of the last batch normalisation are statistics of ImageNet.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { withModel } from '../model-store.ts';
import { loadForeign } from '../models/foreign.ts';
import { modelOf, type Classifier } from '../models/index.ts';
import { Network } from '../models/network.ts';
import { checkedFile, pretrainedOf, type Pretrained } from '../models/pretrained.ts';
import { normalised } from '../classify/transform.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import type { EmbedEvent, EmbedResult } from './codes.ts';

export interface FeaturesArgs {
  /** Id of the bundled weights. */
  model: string;
  /** Images in the size that the weights take: [n, sizePx, sizePx, 3]. */
  bytes: Uint8Array;
}

export interface Loaded {
  bytes: number;
  network: Network<Classifier>;
  source: Pretrained;
  dispose(): void;
}

/** Calls `work` with the network that has these bundled weights. The network is cached and shared with other calls. */
export function withPretrained<Result>(id: string, work: (loaded: Loaded) => Promise<Result>): Promise<Result> {
  const source = pretrainedOf(id);
  if (!source) throw new Error(`There are no bundled weights ‘${id}’.`);
  return withModel(source.file, () => open(source), work);
}

async function open(source: Pretrained): Promise<Loaded> {
  const record = modelOf(source.model)!;
  const { sizePx } = source;
  const network = new Network(record.build(source.params, { sizePx, classes: 2 }), [sizePx, sizePx, 3], null);
  try {
    await loadForeign(network, record, source.params, checkedFile(source), { head: 'fresh' });
    return { bytes: network.bytes, network, source, dispose: () => network.dispose() };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** One embedding per image: [images, size]. */
export const features = defineCall({
  async run({ model, bytes }: FeaturesArgs, { signal, onEvent }: CallContext<EmbedEvent>): Promise<EmbedResult> {
    const yieldToEventLoop = pace(signal);
    return withPretrained(model, async ({ network, source }) => {
      const { size, sizePx } = source;
      const codes = new Float32Array((bytes.length / (sizePx ** 2 * 3)) * size);
      await inBlocks(bytes, sizePx, async (x, from, total) => {
        codes.set(
          await readBack(
            tf.tidy(() =>
              network.infer(normalised(x, source), (input, scope): Tensor2D =>
                network.architecture.features(input, scope),
              ),
            ),
          ),
          from * size,
        );
        onEvent({ done: from + x.shape[0], total });
        await yieldToEventLoop();
      });
      return { codes, size };
    });
  },
});

/**
 * The distance of these images to ImageNet, in nats: for each channel of the last batch normalisation, the Kullback–Leibler divergence between the Gaussian of
 * these images and that of the stored statistics (Li et al. 2017, adaptive batch normalisation); the mean over the channels. Photographs of objects have less
 * than 0.15, noise about 1.
 */
export const distance = defineCall({
  async run({ model, bytes }: FeaturesArgs, { signal }: CallContext): Promise<number> {
    const yieldToEventLoop = pace(signal);
    return withPretrained(model, (loaded) => distanceOf(loaded, bytes, yieldToEventLoop));
  },
});

async function distanceOf(
  { network, source }: Loaded,
  bytes: Uint8Array,
  yieldToEventLoop: () => Promise<void>,
): Promise<number> {
  const last = network.moving.at(-1)!.name.replace(/\/norm\/variance$/, '');
  const { statistics } = await network.read();
  const channels = network.moving.at(-1)!.shape[0];
  const [mean, variance] = [statistics.subarray(-2 * channels, -channels), statistics.subarray(-channels)];
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  let count = 0;
  await inBlocks(bytes, source.sizePx, async (x) => {
    const blockMoments = tf.tidy(() => {
      let moments: Tensor2D | undefined;
      network.observe(
        normalised(x, source),
        (layer, h) => {
          if (layer !== last) return;
          moments = tf.stack([tf.sum(h, [0, 1, 2]), tf.sum(tf.square(h), [0, 1, 2])]) as Tensor2D;
          count += h.size / channels;
        },
        (input, scope) => network.architecture.features(input, scope),
      );
      return moments!;
    });
    (await readBack(blockMoments)).forEach((value, i) =>
      i < channels ? (sums[i] += value) : (squares[i - channels] += value),
    );
    await yieldToEventLoop();
  });
  let divergence = 0;
  const epsilon = network.architecture.epsilon ?? 1e-3;
  for (let c = 0; c < channels; c++) {
    const own = sums[c] / count;
    const ratio = (Math.max(0, squares[c] / count - own ** 2) + epsilon) / (variance[c] + epsilon);
    divergence += (ratio + (own - mean[c]) ** 2 / (variance[c] + epsilon) - 1 - Math.log(ratio)) / 2 / channels;
  }
  return divergence;
}

/** Calls `work` with each block of the images, [B, sizePx, sizePx, 3], and disposes of the block after it. */
export async function inBlocks(
  bytes: Uint8Array,
  sizePx: number,
  work: (x: Tensor4D, from: number, total: number) => Promise<void>,
): Promise<void> {
  const row = sizePx ** 2 * 3;
  const total = bytes.length / row;
  const block = blockOf(sizePx) * 4;
  for (let from = 0; from < total; from += block) {
    const to = Math.min(total, from + block);
    const x = uploadPixels(bytes.subarray(from * row, to * row), to - from, sizePx);
    try {
      await work(x, from, total);
    } finally {
      x.dispose();
    }
  }
}
