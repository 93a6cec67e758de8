/** Compares two rankings: by the paired test of DeLong on the images whose truth is known, else only by how alike they rank. */
import { pairedAuroc } from '../compute/measure/paired-auroc.ts';
import { rankCorrelation } from '../compute/rank-correlation.ts';
import { evaluateSchema } from '../contract/schemas.ts';
import type { ComparedFigure } from '../contract/run-comparison.ts';
import type { Run } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import { cannotCompare, judge, type Compared } from './compare-verdict.ts';
import type { JobContext } from './context.ts';
import { gatherTruth, type Judged, type TruthInputs } from './gather-truth.ts';

/** Images that one of them was trained on are left out, as in an evaluation. */
export async function compareRankings(context: JobContext, inputs: TruthInputs, a: Run, b: Run): Promise<Compared> {
  const gather = (run: Run) =>
    gatherTruth(context, inputs, run, evaluateSchema.parse({ runId: run.id }), new AbortController().signal);
  const [ofA, ofB] = [await gather(a), await gather(b)];
  const notes = [...new Set([...ofA.notes, ...ofB.notes])];
  const scores = new Map(ofB.judged.map(({ sample, score }) => [sample.id, score]));
  const both = ofA.judged.filter(({ sample }) => scores.has(sample.id));
  const single = ofA.judged.length + ofB.judged.length - 2 * both.length;
  if (single) notes.push(`${plural(single, 'image')} left out: only one of the two can be judged by them.`);
  const agreement = agreementOf(context, a, b);
  const scoresIn = (isAnomalous: boolean, scoreOf: (image: Judged) => number) =>
    both.filter(({ verdict }) => verdict.isAnomalous === isAnomalous).map(scoreOf);
  const classScores = (scoreOf: (image: Judged) => number) => ({
    normal: scoresIn(false, scoreOf),
    anomalous: scoresIn(true, scoreOf),
  });
  const inA = classScores(({ score }) => score);
  const paired = pairedAuroc(
    inA,
    classScores(({ sample }) => scores.get(sample.id) as number),
  );
  const [normal, anomalous] = [inA.normal.length, inA.anomalous.length];
  if (!paired) return { ...cannotCompare(reasonFor(normal, anomalous), notes), agreement };
  const figure: ComparedFigure = {
    name: 'auroc',
    title: 'AUROC',
    isHigherBetter: true,
    images: both.length,
    ...paired,
  };
  const base = { images: both.length, figures: [figure], confusion: null, changed: null, agreement, notes };
  const on = `on ${whole(normal)} normal and ${plural(anomalous, 'anomalous image')}`;
  if (paired.p === null && (normal < 2 || anomalous < 2))
    return {
      ...base,
      better: null,
      verdict: `Cannot be judged ${on}: each class needs at least two images that both can be judged by.`,
      cannotJudge: true,
    };
  if (paired.p === null && paired.difference !== 0)
    return {
      ...base,
      better: null,
      verdict: `Cannot be judged ${on}: the two differ in the same way at every image, so nothing tells how far that holds for others.`,
      cannotJudge: true,
    };
  return { ...base, ...judge(a.id, b.id, figure, on) };
}

const reasonFor = (normal: number, anomalous: number): string =>
  normal + anomalous === 0
    ? 'nothing says which images are normal and which are anomalous, of those that both can be judged by. Put them into folders such as test/good and test/scratch, or tag them normal or anomalous.'
    : `no image that both can be judged by is known to be ${normal ? 'anomalous' : 'normal'}.`;

/** How alike they rank all images that both scored; null with fewer than two. */
function agreementOf({ table }: JobContext, a: Run, b: Run): Compared['agreement'] {
  const [inA, inB] = [table.values(a.column), table.values(b.column)];
  const ids = table
    .samples()
    .map(({ id }) => id)
    .filter((id) => Number.isFinite(inA[id] ?? NaN) && Number.isFinite(inB[id] ?? NaN));
  if (ids.length < 2) return null;
  const correlation = rankCorrelation(
    ids.map((id) => inA[id]),
    ids.map((id) => inB[id]),
  );
  return { rankCorrelation: correlation, images: ids.length };
}
