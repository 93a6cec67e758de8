/**
 * Finds label errors by confident learning (Northcutt et al. 2021) on out-of-fold probabilities: of heads on embeddings, repeated with other folds and
 * averaged, or of a cross-validated run. Labels for which there is no evidence are not judged (`label-evidence.ts`). The results are columns of a run. What the user accepts or confirms is in the journal, so a new search keeps it.
 */
import { sumOf } from '../contract/numbers.ts';
import { findLabelErrors } from '../compute/classify/label-errors.ts';
import { usual } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import type { LabelsRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { assignParts, independentImages } from '../workspace/splits.ts';
import { splitDataset } from '../workspace/dataset-split.ts';
import { embedSamples } from './embeddings.ts';
import type { Report } from '../workspace/report.ts';
import {
  bestPredictors,
  labelEvidence,
  predictorsOf,
  unjudgedReasons,
  type LabelEvidence,
} from '../workspace/label-evidence.ts';
import { knownProbabilities } from '../workspace/predictions.ts';
import { refresh, refreshToCompute } from './scan.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { makeRun, type RunSpec } from './run-runner.ts';
import { labelsOf } from './training-data.ts';

export const labelsJob: JobType<LabelsRequest> = {
  kind: 'labels',
  prepare: (request, context) => ({
    title: 'Find label errors',
    async run(report) {
      await (request.runId === null ? refreshToCompute : refresh)(context, report);
      return summaryOf(await searchLabelErrors(context, request, report));
    },
  }),
};

const summaryOf = ({ id, report: { flagged = 0, judged = 0, unjudged = 0 } }: Run): string =>
  `${id}: ${plural(Number(flagged), 'label')} of ${plural(Number(judged), 'image')} ${Number(flagged) === 1 ? 'is' : 'are'} suspected` +
  (unjudged ? `; ${plural(Number(unjudged), 'image')} cannot be judged` : '');

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
    const { samples, classes, labels, probabilities, evidence } = source
      ? predictionsOfRun(context, source)
      : await predictionsOfHeads(context, request, report);
    const { learned, unjudged } = evidence;
    const { quality, suggested, flagged } = findLabelErrors(probabilities, labels, classes.length, learned);
    const isSuggested = (values: ArrayLike<number>) => Array.from(suggested, (c, i) => (c < 0 ? NaN : values[i]));
    const isJudged = (values: ArrayLike<number>) => Array.from(quality, (q, i) => (Number.isNaN(q) ? NaN : values[i]));
    const ids = samples.map((sample) => sample.id);
    const put = (name: string, title: string, values: ArrayLike<number>, categories: readonly string[] | null = null) =>
      context.table.putColumn(`${run.id}.${name}`, `${run.id} · ${title}`, run.id, ids, values, categories);
    const ifLabelled = (values: ArrayLike<number>) => Array.from(labels, (label, i) => (label < 0 ? NaN : values[i]));
    const judged = quality.reduce((sum, q) => sum + Number(!Number.isNaN(q)), 0);
    const labelled = labels.reduce((sum, label) => sum + Number(label >= 0), 0);
    return {
      facts: {
        trained: labelled,
        seconds: (performance.now() - startedAt) / 1000,
        report: {
          flagged: sumOf(flagged),
          judged,
          unjudged: unjudged.reduce((sum, why) => sum + Number(!Number.isNaN(why)), 0),
        },
      },
      write() {
        put('quality', 'quality of the label', quality);
        put('given', 'given class', ifLabelled(labels), classes);
        put('suggested', 'suggested class', isSuggested(suggested), classes);
        put(
          'confidence',
          'confidence of the suggestion',
          isSuggested(samples.map((_, i) => probabilities[i * classes.length + suggested[i]])),
        );
        put('suspect', 'label is suspected', isJudged(flagged));
        put('unjudged', 'why the label cannot be judged', unjudged, unjudgedReasons);
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

/** Row i of all fields belongs to `samples[i]`. */
interface Predicted {
  samples: readonly Sample[];
  classes: string[];
  labels: Int32Array;
  probabilities: Float32Array; // [samples, classes]
  evidence: LabelEvidence;
}

function predictionsOfRun(context: JobContext, run: Run): Predicted {
  const { samples, classes, probabilities, predictors } = knownProbabilities(context, run.id);
  const labels = labelsOf(samples, classes);
  const units = independentImages(samples, context.groups.list());
  const evidence = labelEvidence(
    [predictors ?? bestPredictors(labels, units, classes.length)],
    labels,
    units,
    classes.length,
  );
  const known = new Set(classes);
  samples.forEach((sample, i) => {
    if (sample.class !== null && !known.has(sample.class))
      evidence.unjudged[i] = unjudgedReasons.indexOf('class not trained');
  });
  return { samples, classes, labels, probabilities, evidence };
}

async function predictionsOfHeads(
  context: JobContext,
  { folds, repeats, seed }: LabelsRequest,
  report: Report,
): Promise<Predicted> {
  const all = context.table.samples();
  const groups = context.groups.list();
  const { classes, division } = splitDataset(all, groups, {
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
    const parts = assignParts(usable, groups, new Array<number>(folds).fill(1), seed + 7919 * r);
    return Int32Array.from(samples, (sample) => parts.get(sample.id) ?? -1);
  });
  const labels = labelsOf(samples, classes);
  /** Rejected images are judged, but nothing is learned from them. */
  const trained = labels.map((label, i) => (partitions[0][i] < 0 ? -1 : label));
  const units = independentImages(samples, groups);
  const evidence = labelEvidence(
    partitions.map((partition) => predictorsOf(partition, trained, units, classes.length, folds)),
    labels,
    units,
    classes.length,
  );
  const judged = Uint8Array.from(trained, (label, i) => Number(label >= 0 && Number.isNaN(evidence.unjudged[i])));
  report.stage('Checking labels', 0, 'heads');
  const probabilities = await context.compute.call(
    'outOfFold',
    { embeddings: set, last: usual.last, labels: trained, classes: classes.length, partitions, units, judged, seed },
    {
      signal: report.signal,
      onEvent: ({ done, total }) => report.progress(done, total),
    },
  );
  return { samples, classes, labels, probabilities, evidence };
}
