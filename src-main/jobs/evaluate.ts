/**
 * Evaluates a finished ranking against the truth. The figures of images are computed at once from the stored scores. Those of pixels need the error map of each
 * image: a job computes them and keeps them with the run, for as long as images, truth and masks stay the same.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { scorerOf } from '../compute/anomaly/index.ts';
import { averagePrecision } from '../compute/measure/average-precision.ts';
import { aurocOf } from '../compute/measure/auroc.ts';
import { bestF1, confusionAt, f1Of } from '../compute/measure/confusion.ts';
import { PixelCurve } from '../compute/measure/pixel-curve.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Evaluation, ImageFigures, Mistake, PixelFigures, TypeFigures } from '../contract/evaluation.ts';
import { limitedSize, resample } from '../contract/resample.ts';
import type { EvaluateRequest } from '../contract/schemas.ts';
import { thresholdOf, type RuleChoice } from '../contract/threshold.ts';
import type { Run } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import { writeAtomically } from '../file/write-atomically.ts';
import { maskSidePx } from '../image/mask.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import { gatherTruth, type Gathered, type Judged, type TruthInputs } from './gather-truth.ts';
import type { JobType } from './job-type.ts';
import { mapOf } from './maps.ts';

/** The longest list of mistakes. */
const mistakesMax = 48;

export const evaluateJob = (inputs: TruthInputs): JobType<EvaluateRequest> => ({
  kind: 'evaluate',
  prepare(request, context) {
    const run = rankingOf(context, request.runId);
    if (!scorerOf(run.method)?.gives.map) throw new WinnowError('no-map', withoutMaps(run));
    return {
      title: `Compare ${run.id} with masks`,
      async run(report) {
        report.stage('Reading masks', 0);
        const gathered = await gatherTruth(context, inputs, run, request, report.signal);
        const figures = await measurePixels(context, inputs, run, gathered, report);
        return `${run.id}: pixel AUROC ${figures.auroc.toFixed(3)}, AUPRO ${figures.aupro.toFixed(3)} on ${plural(figures.images, 'image')}`;
      },
    };
  },
});

/** The run, or the newest finished ranking. Throws `no-run`. */
function rankingOf({ runs }: JobContext, id: string | null): Run {
  const newest =
    id ?? runs.list().find(({ kind, state, archived }) => kind === 'rank' && state === 'done' && !archived)?.id;
  if (newest === undefined)
    throw new WinnowError('no-run', 'No ranking of this folder has finished yet. Rank its images first.');
  const run = runs.get(newest);
  if (run.kind !== 'rank' || run.state !== 'done')
    throw new WinnowError('no-run', `${run.id} is not a finished ranking.`);
  return run;
}

const withoutMaps = ({ method }: Run) =>
  `${scorerOf(method)?.title ?? method} scores whole images and has no error maps to compare with masks.`;

/** Throws WinnowError. */
export async function evaluate(
  context: JobContext,
  inputs: TruthInputs,
  request: EvaluateRequest,
): Promise<Evaluation> {
  const run = rankingOf(context, request.runId);
  const gathered = await gatherTruth(context, inputs, run, request, new AbortController().signal);
  const { judged, truth, notes } = gathered;
  const normal = judged.filter(({ verdict }) => !verdict.isAnomalous);
  const anomalous = judged.filter(({ verdict }) => verdict.isAnomalous);
  const auroc = aurocOf(normal.map(scoreOf), anomalous.map(scoreOf));
  const base = {
    run: run.id,
    truth,
    hasMasks: false,
    image: null,
    pixel: null,
    byType: [],
    worst: { misses: [], falseAlarms: [] },
  };
  if (!auroc) return { ...base, notes: [...cannotBeJudged(gathered), ...notes] };

  const scores = judged.map(scoreOf);
  const isAnomalous = judged.map(({ verdict }) => verdict.isAnomalous);
  const best = bestF1(scores, isAnomalous)!;
  const { score: threshold, rule } = placeThreshold(
    gathered,
    request.threshold ?? context.runs.summary(run.id).rule,
    notes,
  );
  const confusion = confusionAt(threshold, scores, isAnomalous);
  const image: ImageFigures = {
    auroc: auroc.auroc,
    low: auroc.low,
    high: auroc.high,
    ap: averagePrecision(scores, isAnomalous)!,
    f1: f1Of(confusion),
    threshold,
    rule,
    confusion,
    best,
  };
  if (auroc.interval === null) notes.push('There is no interval: each class needs at least two images.');
  if (auroc.interval === 'exact')
    notes.push(
      `All images are ${auroc.auroc ? 'in the right order' : 'in the wrong order'}, so the interval is that of Clopper and Pearson for ${plural(Math.min(normal.length, anomalous.length), 'image')}, the smaller class.`,
    );
  if (auroc.auroc < 0.5) notes.push('The score ranks worse than chance on these images.');
  const hasMaps = scorerOf(run.method)?.gives.map !== undefined;
  const hasMasks = hasMaps && gathered.pixelPairs.some(({ files }) => files.length);
  if (!hasMaps && gathered.hasMasks) notes.push(withoutMaps(run));
  const mistake = ({ sample: { id, path }, score, verdict: { type } }: Judged): Mistake => ({ id, path, score, type });
  return {
    run: run.id,
    truth,
    hasMasks,
    image,
    pixel: hasMasks ? readPixels(context, run, gathered) : null,
    byType: figuresByType(normal, anomalous),
    worst: {
      misses: anomalous
        .filter(({ score }) => score < threshold)
        .sort((a, b) => a.score - b.score)
        .slice(0, mistakesMax)
        .map(mistake),
      falseAlarms: normal
        .filter(({ score }) => score >= threshold)
        .sort((a, b) => b.score - a.score)
        .slice(0, mistakesMax)
        .map(mistake),
    },
    notes,
  };
}

/** By the asked or kept rule, or by the default one if that lacks something. */
function placeThreshold(
  { evidence }: Gathered,
  asked: RuleChoice | null,
  notes: string[],
): { score: number; rule: string } {
  for (const choice of asked ? [asked, null] : [null]) {
    const { score, rule, reason } = thresholdOf(evidence, choice);
    if (score !== null) return { score, rule };
    notes.push(`No threshold by ‘${rule}’: ${reason} The default rule applies.`);
  }
  throw new WinnowError('no-samples', 'The scores give no threshold.');
}

const scoreOf = ({ score }: Judged): number => score;

/** Why, and what to do. */
function cannotBeJudged({ truth: { normal, anomalous } }: Gathered): [string, string] {
  const [count, is, other] = normal ? [normal, 'normal', 'anomalous'] : [anomalous, 'anomalous', 'normal'];
  const why =
    count === 0
      ? 'nothing says which images are normal and which are anomalous'
      : `${count === 1 ? 'the only image' : `all ${whole(count)} images`} with a known truth ${count === 1 ? 'is' : 'are'} ${is}, and none is known to be ${other}`;
  return [
    `Cannot be judged: ${why}.`,
    'Put the images into folders such as test/good and test/scratch, tag images normal or anomalous, or name a table with the columns path and is_anomaly.',
  ];
}

/** Only if the kinds of defects have names. The worst first. */
function figuresByType(normal: readonly Judged[], anomalous: readonly Judged[]): TypeFigures[] {
  const named = anomalous.filter(({ verdict }) => verdict.type !== null);
  return [...Map.groupBy(named, ({ verdict }) => verdict.type!)]
    .map(([type, images]) => {
      const all = [...images, ...normal];
      return {
        type,
        images: images.length,
        auroc: aurocOf(normal.map(scoreOf), images.map(scoreOf))!.auroc,
        ap: averagePrecision(
          all.map(scoreOf),
          all.map(({ verdict }) => verdict.isAnomalous),
        )!,
      };
    })
    .sort((a, b) => a.auroc - b.auroc || (a.type < b.type ? -1 : 1));
}

// --- pixels ---

const storedSchema = z.object({
  /** Hash of everything that determines the figures. */
  key: z.string(),
  figures: z.object({ auroc: z.number(), aupro: z.number(), images: z.number(), regions: z.number() }),
});
const pixelsFile = ({ workspaceFolder }: JobContext, run: Run) =>
  join(runFolder(workspaceFolder, run.id), 'pixels.json');

function keyOf(run: Run, { pixelPairs }: Gathered): string {
  const hash = createHash('sha256').update(`1 ${run.id} ${run.createdAt}`);
  for (const { sample, files } of pixelPairs)
    hash.update(`\n${sample.sha256} ${files.map(({ sha256 }) => sha256).join(' ')}`);
  return hash.digest('hex');
}

/** Null if they have not been computed for these images, this truth and these masks. */
function readPixels(context: JobContext, run: Run, gathered: Gathered): PixelFigures | null {
  try {
    const stored = storedSchema.parse(JSON.parse(readFileSync(pixelsFile(context, run), 'utf8')));
    return stored.key === keyOf(run, gathered) ? stored.figures : null;
  } catch {
    return null; // missing or damaged: it is computed again
  }
}

/** Compares maps and masks on the grid of the mask, and stores the figures with the run. */
async function measurePixels(
  context: JobContext,
  { masks }: TruthInputs,
  run: Run,
  gathered: Gathered,
  report: Report,
): Promise<PixelFigures> {
  const { pixelPairs } = gathered;
  const curve = new PixelCurve();
  report.stage('Comparing maps', pixelPairs.length);
  for (const [i, { sample, files }] of pixelPairs.entries()) {
    report.signal.throwIfAborted();
    const mask = files.length ? await masks.read(files, sample) : null;
    const size = limitedSize(sample, maskSidePx);
    const { rows, columns } = mask ?? { rows: size.height, columns: size.width };
    const found = await mapOf(context, run, sample.id, report.signal);
    const map = resample(found.map, found.rows, found.columns, rows, columns);
    curve.add(map, mask?.data ?? null, rows, columns);
    report.progress(i + 1);
  }
  const [auroc, aupro] = [curve.auroc(), curve.aupro()];
  if (auroc === null || aupro === null)
    throw new WinnowError(
      'nothing-to-do',
      'Pixels cannot be judged: no mask with a defect belongs to an image that is evaluated.',
    );
  const figures = { auroc, aupro, images: pixelPairs.length, regions: curve.regions };
  await writeAtomically(pixelsFile(context, run), JSON.stringify({ key: keyOf(run, gathered), figures }));
  context.runs.measure(run.id);
  return figures;
}
