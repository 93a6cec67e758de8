/**
 * One run of a scorer: check the parameters, fit the scorer to the training images, score all images, correct the scores for complexity if requested, and save the
 * model in the run folder. The same for all scorers.
 */
import { rmSync } from 'node:fs';
import { peakMemoryMiB } from '../train/memory.ts';
import { chanceOf } from '../../contract/planted.ts';
import { titleIn } from '../../contract/parameter-titles.ts';
import { problemsOf, problemsText } from '../../contract/problems.ts';
import { stabilityFields } from '../../contract/stability.ts';
import { auroc, quantileOf } from '../../contract/statistics.ts';
import type { MemoryEstimate } from '../../contract/machine.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { backendInfo } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { entropies } from '../entropy.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { Pixels, range } from '../pixels.ts';
import { rankCorrelation } from '../rank-correlation.ts';
import { checkpointFile, modelFile } from '../run-files.ts';
import { writeTensors } from '../tensor-file.ts';
import type { Trained, TrainingEvent } from '../train/trained.ts';
import { referenceOf, relativeToEntropy, savedReference } from './complexity.ts';
import { openImages, type OpenImages } from './images.ts';
import { scorerOf } from './index.ts';
import { plantedScores } from './planted.ts';
import { measureStability } from './stability.ts';
import type { FitContext, Fitted, Model, Scorer } from './scorer.ts';

export interface FitArgs {
  method: string;
  /** Checked against the method's schema; missing ones get their default. */
  params: Record<string, unknown>;
  seed: number;
  /** The folder for the checkpoint and the model. */
  runFolder: string;
  images: RowSet;
  /** Positions of the training images. */
  train: Int32Array;
  /** True if a person says that the training images are normal; otherwise anomalies may be among them. */
  areNormal: boolean;
  /** Training images with a planted defect, to test the fitted scorer: their rows, and the position of each original in `images`. */
  planted?: { images: RowSet; of: Int32Array };
  /** Resume from the checkpoint in the run folder, if there is one. */
  resume: boolean;
}

/**
 * 'components', 'errors': of pixels, in images over all passes. 'again': other fits for the stability, in images: each fit counts once for all of them. 'compare': of unlabelled images with each other. 'read', 'trim', 'select', 'calibrate': of memory banks, in images, patches, patches and images. 'judge': of methods, in images outside the training images.
 */
export type FitEvent = TrainingEvent | { stage: FitStage; done: number; total: number };

export type FitStage =
  'components' | 'errors' | 'compare' | 'read' | 'trim' | 'select' | 'calibrate' | 'judge' | 'score' | 'again';

export interface FitResult extends Trained {
  /** One per position; higher is more anomalous. Corrected for complexity if requested, otherwise raw. */
  scores: Float64Array;
  /** Positions of training images whose scores are as those of unseen images; of equal files the first. */
  heldOut: Int32Array;
  /** Positions of the training images that the scorer took as normal, if these are not all of them. */
  taken?: Int32Array;
  /** For each training image the fraction of its patches that was left out as possible defects, if any were. */
  lost?: Float64Array;
  report: FitReport;
}

export interface FitReport {
  /** Spearman's rank correlation of the raw score with the entropy of the images; only for scorers of pixels. Near 1, the score mostly measures complexity. */
  spearmanEntropy?: number;
  /** The same after the correction for complexity, if it was requested. */
  spearmanEntropyCorrected?: number;
  /** 99.5th percentile of the values of all maps, at least `mapThreshold`: the white of one colour scale for all maps. Missing if the scorer gives no maps. */
  mapScale?: number;
  /**
   * 99th percentile of the values of the maps of the held-out normal images: one of 100 normal pixels is above it. A mask is the part of a map above it. null if
   * there are too few held-out images to judge; missing if the scorer gives no maps. With `patch-memory` on two sets with masks, the masks overlap the defects best
   * between the 99th and the 99.8th percentile; at the 99.9th, large defects are missed.
   */
  mapThreshold?: number | null;
  /**
   * How well the score separates normal images with a planted defect from held-out normal images: the area under the ROC curve, 0..1. null if there are too few
   * held-out images to judge.
   */
  plantedAuroc?: number | null;
  /** The highest AUROC of so many planted defects that is not told from chance (`chanceOf`). */
  plantedChance?: number;
}

export interface EstimateArgs {
  method: string;
  params: Record<string, unknown>;
}

export interface ModelHeader {
  method: string;
  params: Record<string, unknown>;
  /** The positions of the training images in the set of the fit, by the SHA-256 of their files; of equal files the first. Missing in models of earlier versions. */
  trained?: Record<string, number>;
}

/** Estimates the memory of a training; null for methods without training by batches. Throws BadParameters like `fit`. */
export const estimate = defineCall({
  async run({ method, params }: EstimateArgs): Promise<MemoryEstimate | null> {
    return checked(method, params).ready(params).memory();
  },
});

function checked(method: string, params: Record<string, unknown>): Scorer {
  const scorer = scorerOf(method);
  if (!scorer) throw new BadParameters(`There is no scorer '${method}'.`);
  const result = scorer.schema.safeParse(params);
  if (!result.success) throw new BadParameters(problemsText(problemsOf(result.error), titleIn(scorer.schema)));
  return scorer;
}

/** Runs a scorer. Throws BadParameters, and Cancelled after a cancel. */
export const fit = defineCall({
  inTurn: true,
  async run(args: FitArgs, { signal, onEvent }: CallContext<FitEvent>): Promise<FitResult> {
    const startedAt = performance.now();
    const scorer = checked(args.method, args.params);
    if (!args.train.length) throw new BadParameters('There are no images to train on.');
    const ready = scorer.ready(args.params);
    const yieldToEventLoop = pace(signal);
    // Of equal files the scorer gets the first only: a copy among the others would make an image look normal.
    const { trained, originals } = originalsOf(args.images, args.train);
    const train = args.train.filter((position) => originals[position] === position);
    const unselected = args.areNormal ? unselectedOf(args.images, args.train) : undefined;
    const images = openImages(scorer, ready.params, args.images);
    const { count } = images.reader;
    const planted = args.planted && {
      images: openImages(scorer, ready.params, args.planted.images),
      of: args.planted.of.map((position) => originals[position]),
    };
    let model: Model | undefined;
    try {
      const fitted = await ready.fit({
        seed: args.seed,
        images: images.reader,
        train,
        areNormal: args.areNormal,
        unselected,
        planted,
        checkpointFile: checkpointFile(args.runFolder),
        snapshotFolder: args.runFolder,
        resume: args.resume,
        onEvent,
        yieldToEventLoop,
      });
      model = fitted.model;
      const raw = await scoreAll(
        model,
        images,
        yieldToEventLoop,
        (done) => onEvent({ stage: 'score', done, total: count }),
        { heldOut: fitted.heldOut, fitted: originals },
      );
      const complexity =
        images.reader instanceof Pixels
          ? await compareWithEntropy(
              raw.scores,
              images.reader,
              train,
              ready.params.complexity === 'entropy',
              yieldToEventLoop,
            )
          : undefined;
      const fits = ready.params.stability as number;
      /** `share`: of the fit that runs, 0..1. */
      let again = 0;
      const onAgain = (number: number, share: number): void => {
        again = Math.max(again, Math.round((number + share) * count)); // the training comes first, then the scores
        onEvent({ stage: 'again', done: again, total: fits * count });
      };
      const stability = await measureStability(
        fits,
        raw.scores,
        { train, seed: args.seed },
        async (part, number) => {
          const file = `${checkpointFile(args.runFolder)}.again`;
          const onTraining = (event: FitEvent): void => {
            if (event.stage !== 'train') return;
            const { epoch, epochs, step, steps } = event;
            onAgain(number, ((epoch - 1) * steps + step) / (epochs * steps));
          };
          try {
            return await ready.fit({
              ...{ ...part, images: images.reader, areNormal: args.areNormal, unselected, planted, yieldToEventLoop },
              ...{ checkpointFile: file, resume: false, onEvent: onTraining },
            });
          } finally {
            rmSync(file, { force: true });
          }
        },
        async ({ model }, number) =>
          (await scoreAll(model, images, yieldToEventLoop, (done) => onAgain(number, done / count))).scores,
      );
      const judged = planted && (await judge(model, planted, fitted.heldOut, raw.scores));
      const header: ModelHeader = { method: scorer.id, params: ready.params, trained };
      const { arrays, shapes } = await model.tensors();
      writeTensors(modelFile(args.runFolder), { header, arrays: { ...arrays, ...complexity?.toSave }, shapes });
      const seconds = (performance.now() - startedAt) / 1000;
      const { history = [], bestEpoch = 0, stopped = 'all', resumedFrom = null, waiting, batch, memory } = fitted;
      return {
        scores: complexity?.corrected ?? raw.scores,
        heldOut: fitted.heldOut,
        ...withCopies(fitted, { train, all: args.train, originals }),
        history,
        epochsRun: history.length,
        bestEpoch,
        stopped,
        resumedFrom,
        seconds,
        imagesPerSecond: fitted.imagesPerSecond ?? count / Math.max(1e-9, seconds),
        waiting,
        batch,
        memory,
        peakMemoryMiB: peakMemoryMiB(),
        backend: backendInfo(),
        parameters: model.parameters,
        report: {
          ...complexity?.report,
          ...raw.maps,
          ...judged,
          ...(stability && stabilityFields(stability)),
        },
      };
    } finally {
      model?.dispose();
      planted?.images.close();
      images.close();
    }
  },
});

/**
 * `trained`: the first training image of equal files. `originals`: for each image the position of the training image with the same file, or its own: a copy of a
 * training image has its score.
 */
function originalsOf(
  { rows, sha256 }: RowSet,
  train: Int32Array,
): { trained: ModelHeader['trained']; originals: Int32Array } {
  if (!sha256) return { trained: undefined, originals: rows.map((_, position) => position) };
  // The last entry counts.
  const first = new Map(Array.from(train, (position) => [sha256[position], position] as const).reverse());
  return {
    trained: Object.fromEntries(first),
    originals: rows.map((_, position) => first.get(sha256[position]) ?? position),
  };
}

/** The positions of the images outside `train` that are no copies of a training image, of equal files the first. */
function unselectedOf({ rows, sha256 }: RowSet, train: Int32Array): Int32Array {
  const isTrained = new Set(train);
  const outside = range(0, rows.length).filter((position) => !isTrained.has(position));
  if (!sha256) return outside;
  const known = new Set(Array.from(train, (position) => sha256[position]));
  return outside.filter((position) => {
    const isNew = !known.has(sha256[position]);
    known.add(sha256[position]);
    return isNew;
  });
}

/** What is known of the images that the scorer got, for all training images: a copy is as its original. */
function withCopies(
  { taken, lost }: Pick<Fitted, 'taken' | 'lost'>,
  { train, all, originals }: { train: Int32Array; all: Int32Array; originals: Int32Array },
): Pick<FitResult, 'taken' | 'lost'> {
  const [isTaken, at] = [new Set(taken), new Map(Array.from(train, (position, i) => [position, i]))];
  return {
    ...(taken && { taken: all.filter((position) => isTaken.has(originals[position])) }),
    ...(lost && { lost: Float64Array.from(all, (position) => lost[at.get(originals[position]) as number]) }),
  };
}

/** With fewer planted defects or held-out normal images than this, scores and maps cannot be judged. */
const fewestJudged = 5;

async function judge(
  model: Model,
  planted: NonNullable<FitContext['planted']>,
  heldOut: Int32Array,
  scores: Float64Array,
): Promise<Pick<FitReport, 'plantedAuroc' | 'plantedChance'>> {
  const found = await plantedScores(model, planted, heldOut);
  if (found.length < fewestJudged || heldOut.length < fewestJudged) return { plantedAuroc: null };
  const usual = Float64Array.from(heldOut, (position) => scores[position]);
  return { plantedAuroc: auroc(found, usual), plantedChance: chanceOf(found.length, usual.length) };
}

async function compareWithEntropy(
  scores: Float64Array,
  pixels: Pixels,
  train: Int32Array,
  isCorrected: boolean,
  yieldToEventLoop: () => Promise<void>,
): Promise<{ report: FitReport; corrected?: Float64Array; toSave?: Record<string, Float32Array> }> {
  const entropy = await entropies(pixels, yieldToEventLoop);
  const spearmanEntropy = rankCorrelation(scores, entropy);
  if (!isCorrected) return { report: { spearmanEntropy } };
  const corrected = relativeToEntropy(scores, entropy, train);
  return {
    corrected,
    toSave: savedReference(referenceOf(scores, entropy, train)),
    report: { spearmanEntropy, spearmanEntropyCorrected: rankCorrelation(corrected, entropy) },
  };
}

/**
 * The raw scores of all images, and what a sample of the values of all maps says; see `FitReport`. `maps` is missing if there are none. `fitted`: for each image its
 * position in the set that the model was fitted with, −1 for none; left out if this is that set.
 */
export async function scoreAll(
  model: Model,
  images: OpenImages,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void,
  { heldOut = new Int32Array(), fitted }: { heldOut?: Int32Array; fitted?: Int32Array } = {},
): Promise<{ scores: Float64Array; maps?: Required<Pick<FitReport, 'mapScale' | 'mapThreshold'>> }> {
  const { count } = images.reader;
  const scores = new Float64Array(count);
  const unseen = new Set(heldOut);
  const [all, normal]: [number[], number[]] = [[], []];
  let done = 0;
  await images.forEachBlock(async (block, positions) => {
    const scored = await model.score(block, fitted ? positions.map((position) => fitted[position]) : positions);
    positions.forEach((position, i) => (scores[position] = scored.scores[i]));
    if (scored.maps) {
      const { values, rows, columns } = scored.maps;
      const size = rows * columns;
      sampleInto(all, values, strideOf(count * size));
      positions.forEach((position, i) => {
        if (unseen.has(position))
          sampleInto(normal, values.subarray(i * size, (i + 1) * size), strideOf(heldOut.length * size));
      });
    }
    onDone((done += positions.length));
    await yieldToEventLoop();
  });
  if (!all.length) return { scores };
  const mapThreshold = heldOut.length < fewestJudged ? null : quantile(normal, 0.99);
  return { scores, maps: { mapScale: Math.max(quantile(all, 0.995), mapThreshold ?? 0), mapThreshold } };
}

const quantile = (values: readonly number[], q: number): number => quantileOf(Float64Array.from(values).sort(), q);

function sampleInto(sample: number[], values: Float32Array, stride: number): void {
  for (let i = 0; i < values.length; i += stride) sample.push(values[i]);
}

/** The stride for a sample of about a million values from all maps. A prime stride does not always meet the same columns. */
const strideOf = (values: number): number => [1, 7, 31, 127, 509, 2039].find((s) => values / s <= 2 ** 20) ?? 8191;
