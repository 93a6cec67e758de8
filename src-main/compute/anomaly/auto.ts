/**
 * Combines several scorers that need no training: each is fitted to the normal images, judged, calibrated by its scores of held-out normal images, and dropped if no evidence
 * speaks for it (`choose-members.ts`). The score is the weighted mean z-score of the others. Scores are distances, so the z-scores are those of their logarithms.
 * If nobody says which images are normal, those are taken that resemble most others (`mutual.ts`).
 */
import type { Tensor, Tensor1D, Tensor3D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { clamp, meanOf, sumOf } from '../../contract/numbers.ts';
import { chanceOf } from '../../contract/planted.ts';
import { auroc, medianAbsoluteDeviation, medianOf } from '../../contract/statistics.ts';
import { plural } from '../../contract/words.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { random, sampleOf } from '../random.ts';
import { chooseMembers, usualLimit, whyThese, type Judged, type Unusual } from './choose-members.ts';
import { leastDeviation, leastRatio, logRatio } from './log-scores.ts';
import { mutualScores } from './mutual.ts';
import { plantedScores } from './planted.ts';
import { resizeMaps, resized } from './resize-map.ts';
import {
  defineScorer,
  patchSizeParameter,
  type FitContext,
  type Fitted,
  type Model,
  type PortableBlock,
  type Scorer,
  type Scoring,
} from './scorer.ts';
import type { Tensors } from '../tensor-file.ts';

const schema = z.object({
  ...patchSizeParameter,
  normal: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.5)
    .describe(
      'If you do not select normal images: the fraction of all images that are taken as normal, those that resemble most others.',
    )
    .meta({ title: 'Taken as normal', step: 0.05, advanced: true }),
});

/** The most held-out images by which members are calibrated. */
const mostCalibrated = 60;
const fewestCalibrated = 5;
/** So many of the unselected images are compared, and at least so many are needed. */
const [mostUnselected, fewestUnselected] = [200, 20];

/** A scorer with settings, what the message calls it, and how much its z-score counts. */
export interface Candidate {
  scorer: Scorer;
  name: string;
  weight: number;
  settings?: Record<string, unknown>;
}

/** A fitted candidate; the median of its scores of held-out normal images, and the deviation of their logarithms. */
interface Member extends Candidate {
  /** Its number among the candidates. */
  at: number;
  model: Model;
  median: number;
  deviation: number;
}

type JudgedMember = Member & Judged;

/** `candidates`: scorers of embeddings or patches that can leave out a training image. The last one has maps and nearest patches, and is always kept for these. */
export const autoOf = (candidates: readonly Candidate[]): Scorer =>
  defineScorer({
    id: 'auto',
    title: 'Automatic',
    short: 'Auto',
    summary:
      'Combines the methods that suit your images, judged by planted defects and by how many unusual images they find. Needs no settings and no alignment; works with or without selected normal images.',
    inputs: 'features',
    first: 'gaussian',
    gives: { score: { title: 'deviation from normal' }, map: { title: 'Deviation' }, nearestPatch: true },
    schema,
    async fit(params, context) {
      if (context.train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
      const taken = context.areNormal ? context.train : await mostAlike(params.normal, context);
      const fitted: JudgedMember[] = [];
      try {
        for (const [at, candidate] of candidates.entries())
          fitted.push({ ...(await fitMember(candidate, params.sizePx, taken, context)), at });
        await chooseMembers(fitted, () => unusualShares(fitted, context));
        const kept = fitted.filter(({ weight }, i) => weight || i === candidates.length - 1);
        for (const member of fitted) if (!kept.includes(member)) member.model.dispose();
        context.onEvent({ stage: 'note', message: explain(fitted, taken, context) });
        return { model: combine(kept), heldOut: taken, ...(!context.areNormal && { taken }) };
      } catch (error) {
        for (const { model } of fitted) model.dispose();
        throw error;
      }
    },
    restore(_params, arrays) {
      return combine(
        candidates.flatMap((candidate, at) => {
          const prefix = `${at}/`;
          const own = Object.entries(arrays).filter(([name]) => name.startsWith(prefix));
          if (!own.length) return [];
          const { usual, ...rest } = Object.fromEntries(
            own.map(([name, values]) => [name.slice(prefix.length), values]),
          );
          if (!usual)
            throw new BadParameters(
              'An earlier version of Winnow made this ranking, by another score or map. Rank again.',
            );
          const [median, deviation, weight] = usual;
          const model = candidate.scorer.ready(candidate.settings ?? {}).restore(rest);
          return [{ ...candidate, at, model, median, deviation, weight }];
        }),
      );
    },
  });

/** The training images that resemble most others, in order of their positions. */
async function mostAlike(share: number, context: FitContext<'features'>): Promise<Int32Array> {
  const { images, train, seed } = context;
  const scores = await mutualScores(images, train, seed, context);
  const order = Array.from(train.keys()).sort((a, b) => scores[a] - scores[b]);
  return Int32Array.from(order.slice(0, Math.max(2, Math.round(share * train.length))), (i) => train[i]).sort();
}

/** What the members say of the unselected images. Undefined if there are too few of them. */
async function unusualShares(
  fitted: readonly JudgedMember[],
  { images, unselected = new Int32Array(), seed, onEvent, yieldToEventLoop }: FitContext<'features'>,
): Promise<Unusual | undefined> {
  if (unselected.length < fewestUnselected) return undefined;
  const sample = sampleOf(unselected, mostUnselected, random('unselected', seed));
  const counts = fitted.map(() => 0);
  let done = 0;
  for (const block of images.blocksOf(sample)) {
    for (const [i, { model, scorer, limit }] of fitted.entries()) {
      const { scores } = await partOf(model, scorer).score(block, block.positions);
      counts[i] += Array.from(scores).filter((score) => score > limit).length;
      await yieldToEventLoop();
    }
    onEvent({ stage: 'judge', done: (done += block.positions.length), total: sample.length });
  }
  return { shares: counts.map((count) => count / sample.length), images: sample.length };
}

async function fitMember(
  candidate: Candidate,
  sizePx: number,
  train: Int32Array,
  context: FitContext<'features'>,
): Promise<Omit<JudgedMember, 'at'>> {
  const { images, planted, seed } = context;
  const { scorer, settings } = candidate;
  const isOfEmbeddings = scorer.inputs === 'embeddings';
  const { model, heldOut }: Fitted = await scorer.ready({ ...settings, ...(!isOfEmbeddings && { sizePx }) }).fit({
    ...context,
    train,
    planted: undefined,
    images: isOfEmbeddings ? images.embeddings : images,
  } as FitContext);
  try {
    const sample = sampleOf(heldOut, mostCalibrated, random('calibration', seed));
    const usual = await scoresOf(model, scorer, sample, context);
    const median = (usual.length && medianOf(Float64Array.from(usual).sort())) || 1;
    const deviation = Math.max(leastDeviation, deviationOf(usual.map((score) => logRatio(score, median))));
    const found = planted ? await plantedScores(partOf(model, scorer), planted, train) : [];
    const isJudged = found.length >= fewestCalibrated && usual.length >= fewestCalibrated;
    return {
      ...{ ...candidate, model, median, deviation },
      judged: isJudged ? auroc(found, usual) : null,
      chance: chanceOf(found.length, usual.length),
      limit: usualLimit(usual),
      normals: usual.length,
    };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The model of a member, for blocks of features. */
const partOf = (model: Model, { inputs }: Scorer): Scoring<'features'> => ({
  score: (block, positions) =>
    model.score((inputs === 'embeddings' ? block.codes : block) as Parameters<Model['score']>[0], positions),
});

async function scoresOf(
  model: Model,
  scorer: Scorer,
  positions: Int32Array,
  { images, yieldToEventLoop }: FitContext<'features'>,
): Promise<number[]> {
  const scores: number[] = [];
  for (const block of images.blocksOf(positions)) {
    scores.push(...Array.from((await partOf(model, scorer).score(block, block.positions)).scores));
    await yieldToEventLoop();
  }
  return scores;
}

/** The standard deviation of values that are limited to three robust deviations around the median: a few scores of 0 must not hide all others. 0 without values. */
function deviationOf(values: readonly number[]): number {
  if (!values.length) return 0;
  const sorted = Float64Array.from(values).sort();
  const [middle, reach] = [medianOf(sorted), 3 * Math.max(leastDeviation, medianAbsoluteDeviation(sorted))];
  const limited = sorted.map((value) => clamp(value, middle - reach, middle + reach));
  const mean = meanOf(limited);
  return Math.sqrt(meanOf(limited.map((value) => (value - mean) ** 2)));
}

/**
 * The score is the weighted mean of the z-scores, sum of wᵢ log(sᵢ / medianᵢ) / deviationᵢ. The map is made by the same rule, as the geometric mean of the members' maps with
 * the weights wᵢ / deviationᵢ: its unit is what is usual for the most unusual patch of a normal image, also if there is one member only.
 */
function combine(kept: readonly Member[]): Model<'features'> {
  const total = sumOf(kept.map(({ weight }) => weight));
  const hasMap = kept.some(({ scorer, weight }) => weight && scorer.gives.map);
  /** A member that does not count in the score counts in the map if no other member has one. */
  const mapWeightOf = ({ scorer, weight, deviation }: Member): number =>
    scorer.gives.map ? (hasMap ? weight : 1) / deviation : 0;
  const mapTotal = sumOf(kept.map(mapWeightOf));
  /** Without a member that is kept only for its nearest patches. */
  const counted = kept.filter((member) => member.weight || mapWeightOf(member));
  return {
    parameters: sumOf(kept.map(({ model }) => model.parameters)),
    async score(block, positions) {
      const { rows, columns } = block.grid;
      const logs = new Float32Array(block.maps[0].shape[0] * rows * columns);
      const scores = new Float64Array(positions.length);
      for (const member of counted) {
        const { scorer, model, median, deviation, weight } = member;
        const { scores: own, maps } = await partOf(model, scorer).score(block, positions);
        for (let i = 0; i < scores.length; i++) scores[i] += (weight / total / deviation) * logRatio(own[i], median);
        const mapWeight = mapWeightOf(member) / mapTotal;
        if (!maps || !mapWeight) continue;
        const resized = await resizeMaps(maps, rows, columns);
        for (let i = 0; i < logs.length; i++) logs[i] += mapWeight * logRatio(resized[i], median);
      }
      return { scores, maps: { values: logs.map(Math.exp), rows, columns } };
    },
    portable({ codes, ...block }: PortableBlock['features']) {
      const outputs = counted.map(({ scorer, model }) => {
        const of = (scorer.inputs === 'embeddings' ? codes : block) as Parameters<Model['portable']>[0];
        return model.portable(of);
      });
      const parts = counted.flatMap(({ weight, median, deviation }, i) =>
        weight ? [tf.mul<Tensor1D>(logRatios(outputs[i].score, median), weight / total / deviation)] : [],
      );
      const { rows, columns } = block.grid;
      const logs = counted.flatMap((member, i) => {
        const { map } = outputs[i];
        if (!map || !mapWeightOf(member)) return [];
        return [
          tf.mul<Tensor3D>(logRatios(resized(map, rows, columns), member.median), mapWeightOf(member) / mapTotal),
        ];
      });
      return {
        score: parts.reduce((a, b) => tf.add(a, b)),
        map: tf.exp(logs.reduce((a, b) => tf.add(a, b))),
      };
    },
    nearestPatch: kept.at(-1)?.model.nearestPatch,
    async tensors() {
      const arrays: Tensors['arrays'] = {};
      const shapes: Record<string, readonly number[]> = {};
      for (const { at, model, median, deviation, weight } of kept) {
        const own = await model.tensors();
        for (const [name, values] of Object.entries(own.arrays)) arrays[`${at}/${name}`] = values;
        for (const [name, shape] of Object.entries(own.shapes ?? {})) shapes[`${at}/${name}`] = shape;
        arrays[`${at}/usual`] = Float32Array.of(median, deviation, weight);
      }
      return { arrays, shapes };
    },
    dispose() {
      for (const { model } of kept) model.dispose();
    },
  };
}

/** The same as `logRatio`, of a tensor. */
const logRatios = <T extends Tensor>(values: T, median: number): T =>
  tf.log(tf.maximum<T>(tf.mul(values, 1 / median), leastRatio));

/** What was combined and why, what was taken as normal, and where the map comes from if not from the score. */
function explain(
  fitted: readonly JudgedMember[],
  taken: Int32Array,
  { train, areNormal }: FitContext<'features'>,
): string {
  const normal = areNormal
    ? `It compares with ${plural(taken.length, 'selected normal image')}.`
    : `You selected no normal images, so it compares with the ${plural(taken.length, 'image')} of ${train.length} that resemble most others.`;
  const map = fitted.some(({ weight, scorer }) => weight && scorer.gives.map)
    ? ''
    : ` The map shows the deviation by ${fitted[fitted.length - 1].name}, which the score does not use.`;
  return `${whyThese(fitted)} ${normal}${map}`;
}
