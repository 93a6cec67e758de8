/**
 * Finds label errors by confident learning (Northcutt et al. 2021) on out-of-fold probabilities: of heads on embeddings, repeated with other folds and
 * averaged, or of a cross-validated run. The results are columns of a run. What the user accepts or confirms is in the journal, so a new search keeps it.
 */
import { sumOf } from '../contract/numbers.ts';
import { largestAt } from '../compute/classify/evaluate.ts';
import { findLabelErrors } from '../compute/classify/label-errors.ts';
import { usual } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import type { LabelsRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { assignParts } from '../workspace/splits.ts';
import { splitDataset } from '../workspace/dataset-split.ts';
import { embedSamples } from './embeddings.ts';
import type { Report } from '../workspace/report.ts';
import { knownProbabilities, type KnownProbabilities } from '../workspace/predictions.ts';
import { refresh } from './scan.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { makeRun, type RunSpec } from './run-runner.ts';
import { labelsOf } from './training-data.ts';

export const labelsJob: JobType<LabelsRequest> = {
  kind: 'labels',
  prepare: (request, context) => ({
    title: 'Find label errors',
    async run(report) {
      await refresh(context, report);
      return summaryOf(await searchLabelErrors(context, request, report));
    },
  }),
};

const summaryOf = ({ id, report: { flagged = 0, judged = 0 } }: Run): string =>
  `${id}: ${plural(Number(flagged), 'label')} of ${plural(Number(judged), 'image')} ${Number(flagged) === 1 ? 'is' : 'are'} suspected`;

/** Returns the finished run. The folder must have been scanned. */
async function searchLabelErrors(context: JobContext, request: LabelsRequest, report: Report): Promise<Run> {
  const { folds, repeats, seed } = request;
  const source = request.runId === null ? null : foldsRun(context.runs.get(request.runId));
  const spec: RunSpec = {
    name: 'labels',
    kind: 'labels',
    method: 'labels',
    seed,
    parameters: source ? { run: source.id } : { folds, repeats },
    mainColumn: 'quality',
    fingerprint: null,
    resume: false,
  };
  return makeRun(context, spec, report, async (run) => {
    const startedAt = performance.now();
    const { samples, classes, probabilities } = source
      ? knownProbabilities(context, source.id)
      : await probabilitiesOfHeads(context, request, report);
    const labels = labelsOf(samples, classes);
    const { quality, suggested, flagged } = findLabelErrors(probabilities, labels, classes.length);
    const ids = samples.map((sample) => sample.id);
    const put = (name: string, title: string, values: ArrayLike<number>, categories: readonly string[] | null = null) =>
      context.table.putColumn(`${run.id}.${name}`, `${run.id} · ${title}`, run.id, ids, values, categories);
    const ifLabelled = (values: ArrayLike<number>) => Array.from(labels, (label, i) => (label < 0 ? NaN : values[i]));
    const labelled = labels.reduce((sum, label) => sum + Number(label >= 0), 0);
    return {
      facts: {
        trained: labelled,
        seconds: (performance.now() - startedAt) / 1000,
        report: { flagged: sumOf(flagged), judged: labelled },
      },
      write() {
        put('quality', 'quality of the label', quality);
        put('given', 'given class', ifLabelled(labels), classes);
        put('suggested', 'suggested class', suggested, classes);
        put(
          'confidence',
          'confidence of the suggestion',
          samples.map((_, i) => probabilities[i * classes.length + largestAt(probabilities, i, classes.length)]),
        );
        put('suspect', 'label is suspected', ifLabelled(flagged));
      },
    };
  });
}

function foldsRun(run: Run): Run {
  if (run.kind !== 'train' || run.state !== 'done' || run.classification?.by !== 'folds') {
    throw new WinnowError(
      'bad-request',
      `${run.id} is not a cross-validated classifier: it was trained on the labels that it would have to check. Train one with --folds.`,
    );
  }
  return run;
}

async function probabilitiesOfHeads(
  context: JobContext,
  { folds, repeats, seed }: LabelsRequest,
  report: Report,
): Promise<KnownProbabilities> {
  const all = context.table.samples();
  const { classes, division } = splitDataset(all, context.groups.list(), {
    by: 'shares',
    shares: { train: 1, val: 0, test: 0 },
    folds,
    seed,
  });
  const [problem] = division.problems;
  if (problem) throw new WinnowError('bad-request', problem);
  using embedded = await embedSamples(context, all, report);
  const { samples, set } = embedded;
  const usable = samples.filter((sample) => sample.class !== null && sample.decision !== 'reject');
  const partitions = Array.from({ length: repeats }, (_, r) => {
    const parts = assignParts(usable, context.groups.list(), new Array<number>(folds).fill(1), seed + 7919 * r);
    return Int32Array.from(samples, (sample) => parts.get(sample.id) ?? -1);
  });
  const labels = labelsOf(samples, classes).map((label, i) => (partitions[0][i] < 0 ? -1 : label));
  report.stage('Checking labels', 0, 'heads');
  const probabilities = await context.compute.call(
    'outOfFold',
    { embeddings: set, last: usual.last, labels, classes: classes.length, partitions, seed },
    {
      signal: report.signal,
      onEvent: ({ done, total }) => report.progress(done, total),
    },
  );
  return { samples, classes, probabilities };
}
