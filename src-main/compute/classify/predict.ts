/** Predictions of a trained classifier. */
import type { Tensor4D } from '@tensorflow/tfjs';
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { defineCall, type CallContext } from '../call.ts';
import { withModel } from '../model-store.ts';
import type { Classifier } from '../models/index.ts';
import { Network } from '../models/network.ts';
import { uploadPixels } from '../ops/upload.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels, range } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { modelFile } from '../run-files.ts';
import { readTensors } from '../tensor-file.ts';
import type { ClassifierHeader } from './fit.ts';
import { architectureOf, checkClassifier } from './training-setup.ts';
import { evaluationInput, normalised, type Transform } from './transform.ts';

export interface PredictArgs {
  /** The folder of a finished run. */
  runFolder: string;
  /** A row set; or bytes in the size of the network's input, [n, cropPx, cropPx, 3]. */
  pixels: RowSet | { bytes: Uint8Array };
}

interface Loaded {
  bytes: number;
  network: Network<Classifier>;
  header: ClassifierHeader;
  dispose(): void;
}

/** Logits of the images at these positions, or the output of another `part` of the network: [n, width of the output]. */
export function predictAt(
  network: Network<Classifier>,
  transform: Transform,
  pixels: Pixels,
  positions: Int32Array,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void = () => undefined,
  part?: Classifier['features'],
): Promise<Float32Array> {
  return inBlocks(
    network,
    transform.cropPx,
    positions.length,
    (from, to) => evaluationInput(pixels.read(positions.subarray(from, to)), to - from, transform),
    yieldToEventLoop,
    onDone,
    part,
  );
}

/** Features of the images at these positions: [n, features]. */
export const featuresAt = (
  network: Network<Classifier>,
  transform: Transform,
  pixels: Pixels,
  positions: Int32Array,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<Float32Array> =>
  predictAt(network, transform, pixels, positions, yieldToEventLoop, onDone, (x, scope) =>
    network.architecture.features(x, scope),
  );

/** Logits: [images, classes]. */
export const predict = defineCall({
  run(
    { runFolder, pixels: given }: PredictArgs,
    { signal, onEvent }: CallContext<{ done: number; total: number }>,
  ): Promise<Float32Array> {
    const yieldToEventLoop = pace(signal);
    return withClassifier(runFolder, async ({ network, header: { transform } }) => {
      if ('bytes' in given) {
        const row = transform.cropPx ** 2 * 3;
        const ready = (from: number, to: number): Tensor4D =>
          tf.tidy(() =>
            normalised(
              uploadPixels(given.bytes.subarray(from * row, to * row), to - from, transform.cropPx),
              transform,
            ),
          );
        return inBlocks(network, transform.cropPx, given.bytes.length / row, ready, yieldToEventLoop, () => undefined);
      }
      const pixels = new Pixels(given);
      try {
        return await predictAt(network, transform, pixels, range(0, pixels.count), yieldToEventLoop, (done) =>
          onEvent({ done, total: pixels.count }),
        );
      } finally {
        pixels.close();
      }
    });
  },
});

async function inBlocks(
  network: Network<Classifier>,
  sidePx: number,
  count: number,
  inputOf: (from: number, to: number) => Tensor4D,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
  part?: Classifier['features'],
): Promise<Float32Array> {
  let out = new Float32Array(0);
  const block = blockOf(sidePx);
  for (let from = 0; from < count; from += block) {
    const to = Math.min(count, from + block);
    const values = await readBack(tf.tidy(() => network.infer(inputOf(from, to), part)));
    const classes = values.length / (to - from);
    if (!out.length) out = new Float32Array(count * classes);
    out.set(values, from * classes);
    onDone(to);
    await yieldToEventLoop();
  }
  return out;
}

/** Calls `work` with the network of a finished run, which is cached and shared with other calls. Throws if the run has no model. */
export async function withClassifier<Result>(
  runFolder: string,
  work: (loaded: Loaded) => Promise<Result>,
): Promise<Result> {
  const file = modelFile(runFolder);
  return withModel(file, () => open(file), work);
}

function open(file: string): Loaded {
  const saved = readTensors<ClassifierHeader>(file);
  if (!saved) throw new Error('This run has no model: its file is missing or damaged. Train it again.');
  const { header, arrays } = saved;
  const side = header.transform.cropPx;
  const network = new Network(
    architectureOf(header.model, checkClassifier(header.model, header.params), header.classes.length),
    [side, side, 3],
    null,
  );
  network.load(arrays);
  return { bytes: network.bytes, network, header, dispose: () => network.dispose() };
}
