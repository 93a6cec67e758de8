/**
 * One run of a scorer, from packed pixels to scores: check the parameters, learn from the training images, score every image,
 * correct for complexity where asked, leave the model in the run folder for the maps.
 */
import type { MemoryEstimate } from '../../contract/types.ts';
import { backendInfo, tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { entropies } from '../entropy.ts';
import { uploadPixels } from '../ops/upload.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels, type PixelSet } from '../pixels.ts';
import { rankCorrelation } from '../rank-correlation.ts';
import { readBack } from '../read-back.ts';
import { checkpointFile, modelFile } from '../run-files.ts';
import { writeTensors } from '../tensor-file.ts';
import type { Trained, TrainingEvent } from '../train/trained.ts';
import { relativeToEntropy } from './complexity.ts';
import { errorMaps, pool, quantileOf, type ErrorMeasure } from './error-map.ts';
import { embeddingScorerOf, scorerOf } from './index.ts';
import type { FitContext, Model, Scorer } from './scorer.ts';

export interface FitArgs {
  method: string;
  /** Checked against the method's schema; what is left out takes its default. */
  params: Record<string, unknown>;
  seed: number;
  /** Takes the checkpoint and the model. */
  runFolder: string;
  pixels: PixelSet;
  /** Positions that are trained on. */
  train: Int32Array;
  /** Continue from the checkpoint in the run folder, if there is one. */
  resume: boolean;
}

export type FitEvent = TrainingEvent | { stage: 'score'; done: number; total: number };

export interface FitResult extends Trained {
  /** Per position; raw, higher is more anomalous. */
  scores: Float64Array;
  report: FitReport;
}

export interface FitReport {
  /** Rank correlation of the raw score with the images' entropy: near 1, the score mostly measures how busy an image is. */
  spearmanEntropy: number;
  /** The same after the correction for complexity, where one was asked for. */
  spearmanEntropyCorrected?: number;
  /** 99.5th percentile of all error maps: one colour scale for all of them. */
  mapScale: number;
}

export interface EstimateArgs {
  method: string;
  params: Record<string, unknown>;
}

export interface ModelHeader {
  method: string;
  params: Record<string, unknown>;
  sizePx: number;
}

/** Null where the method does not train by batches. Throws BadParameters as `fit` does. */
export const estimate = defineCall({
  async run({ method, params }: EstimateArgs): Promise<MemoryEstimate | null> {
    if (embeddingScorerOf(method)) return null;
    return checked(method, params).ready(params).memory();
  },
});

function checked(method: string, params: Record<string, unknown>): Scorer {
  const scorer = scorerOf(method);
  if (!scorer) throw new BadParameters(`There is no scorer '${method}'.`);
  const result = scorer.schema.safeParse(params);
  if (!result.success)
    throw new BadParameters(
      result.error.issues.map((i) => `${i.path.join('.') || scorer.id}: ${i.message}`).join('; '),
    );
  return scorer;
}

export const fit = defineCall({
  inTurn: true,
  async run(args: FitArgs, { signal, onEvent }: CallContext<FitEvent>): Promise<FitResult> {
    const began = performance.now();
    const scorer = checked(args.method, args.params);
    if (!args.train.length) throw new BadParameters('There is no image to train on.');
    if (scorer.pixels(args.params).sizePx !== args.pixels.sizePx)
      throw new BadParameters(`The pixels are ${args.pixels.sizePx} px and the parameters ask for another size.`);
    const ready = scorer.ready(args.params);
    const breathe = pace(signal);
    const pixels = new Pixels(args.pixels);
    let model: Model | undefined;
    try {
      const context: FitContext = {
        seed: args.seed,
        pixels,
        train: args.train,
        checkpointFile: checkpointFile(args.runFolder),
        resume: args.resume,
        onEvent,
        breathe,
      };
      const fitted = await ready.fit(context);
      model = fitted.model;
      const { errors, mapScale } = await scoreAll(model, pixels, ready.measure, breathe, (done) =>
        onEvent({ stage: 'score', done, total: pixels.count }),
      );
      const entropy = await entropies(pixels, breathe);
      const { complexity } = ready.params;
      const scores = complexity === 'entropy' ? relativeToEntropy(errors, entropy, args.train) : errors;
      const header: ModelHeader = { method: scorer.id, params: ready.params, sizePx: pixels.sizePx };
      writeTensors(modelFile(args.runFolder), { header, arrays: await model.arrays() });
      const { history, bestEpoch, stopped, resumedFrom, imagesPerSecond, waiting, batch, memory } = fitted;
      return {
        scores,
        history,
        epochsRun: history.length,
        bestEpoch,
        stopped,
        resumedFrom,
        seconds: (performance.now() - began) / 1000,
        imagesPerSecond,
        waiting,
        batch,
        memory,
        peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
        backend: backendInfo(),
        parameters: model.parameters,
        report: {
          spearmanEntropy: rankCorrelation(errors, entropy),
          ...(complexity !== 'none' && { spearmanEntropyCorrected: rankCorrelation(scores, entropy) }),
          mapScale,
        },
      };
    } finally {
      model?.dispose();
      pixels.close();
    }
  },
});

/** Every image's error, and the 99.5th percentile over all maps from a sample of their pixels. */
export async function scoreAll(
  model: Model,
  pixels: Pixels,
  measure: ErrorMeasure,
  breathe: () => Promise<void>,
  onDone: (done: number) => void,
): Promise<{ errors: Float64Array; mapScale: number }> {
  const errors = new Float64Array(pixels.count);
  const perMap = pixels.sizePx ** 2;
  // At most about a million values, evenly from all maps; a prime stride meets every column.
  const stride = [1, 7, 31, 127, 509, 2039].find((s) => (pixels.count * perMap) / s <= 2 ** 20) ?? 8191;
  const sample: number[] = [];
  for (const positions of pixels.blocks(blockOf(pixels.sizePx))) {
    const maps = tf.tidy(() => {
      const x = uploadPixels(pixels.read(positions), positions.length, pixels.sizePx);
      return errorMaps(x, model.reconstruct(x), measure);
    });
    const values = await readBack(maps);
    positions.forEach((p, i) => (errors[p] = pool(values.subarray(i * perMap, (i + 1) * perMap), measure)));
    for (let i = 0; i < values.length; i += stride) sample.push(values[i]);
    onDone(positions[0] + positions.length);
    await breathe();
  }
  return { errors, mapScale: quantileOf(Float64Array.from(sample).sort(), 0.995) };
}
