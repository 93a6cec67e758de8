/**
 * Labels that are likely wrong: probabilities of models that did not learn from the image (heads on embeddings, or any run with folds), and what confident learning
 * makes of them. They become columns of a run; the queue is what of them still stands, as the labels are now.
 */
import { mkdirSync } from 'node:fs';
import { findLabelErrors } from '../compute/classify/label-errors.ts';
import { largestAt } from '../compute/classify/evaluate.ts';
import { usual } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import type { LabelQueue, LabelSuspect } from '../contract/classifier.ts';
import type { LabelsRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { assignParts } from '../export/splits.ts';
import { divide } from './division.ts';
import { embedSamples } from './embeddings.ts';
import type { JobContext } from '../jobs/context.ts';
import type { JobType } from '../jobs/job-type.ts';
import type { Report } from './jobs.ts';
import { knownProbabilities, type KnownProbabilities } from './predictions.ts';
import { emptyRun, keepRun, runFolder } from './runs.ts';
import { refresh } from './scan.ts';
import { settingKey, type Settings } from './settings.ts';
import type { Table } from './table.ts';
import { labelsOf } from './train.ts';

export const labelsJob: JobType<LabelsRequest> = {
  kind: 'labels',
  prepare: (request, context) => ({
    title: 'Judge the labels',
    async run(report) {
      await refresh(context, report);
      return sentenceOf(await judgeLabels(context, request, report));
    },
  }),
};

const sentenceOf = ({ id, report: { flagged = 0, judged = 0 } }: Run): string =>
  `${id}: ${plural(Number(flagged), 'label')} of ${plural(Number(judged), 'image')} ${Number(flagged) === 1 ? 'is' : 'are'} suspect`;

/** Returns the finished run. The folder has been scanned before. */
export async function judgeLabels(context: JobContext, request: LabelsRequest, report: Report): Promise<Run> {
  const { folds, repeats, seed } = request;
  const id = context.runs.nextId('labels');
  const of = request.runId === null ? null : foldsRun(context.runs.get(request.runId));
  const parameters = of ? { run: of.id } : { folds, repeats };
  const begun: Run = {
    ...emptyRun,
    id,
    kind: 'labels',
    method: 'labels',
    seed,
    trained: 0,
    parameters,
    column: `${id}.quality`,
    createdAt: Date.now(),
    state: 'running',
  };
  return keepRun(context, '', begun, report, async (put) => {
    const began = performance.now();
    mkdirSync(runFolder(context.workspaceFolder, id), { recursive: true });
    const { samples, classes, probabilities } = of
      ? knownProbabilities(context, of.id)
      : await toldByHeads(context, request, report);
    const labels = labelsOf(samples, classes);
    const { quality, suggested, flagged } = findLabelErrors(probabilities, labels, classes.length);
    const ids = samples.map((sample) => sample.id);
    const column = (
      name: string,
      title: string,
      values: ArrayLike<number>,
      categories: readonly string[] | null = null,
    ): void => context.table.putColumn(`${id}.${name}`, `${id} · ${title}`, id, ids, values, categories);
    const judged = labels.reduce((sum, label) => sum + Number(label >= 0), 0);
    context.table.write(() => {
      column('quality', 'quality of the label', quality);
      column(
        'given',
        'given class',
        Array.from(labels, (label) => (label < 0 ? NaN : label)),
        classes,
      );
      column('suggested', 'suggested class', suggested, classes);
      column(
        'confidence',
        'confidence of the suggestion',
        samples.map((_, i) => probabilities[i * classes.length + largestAt(probabilities, i, classes.length)]),
      );
      column(
        'suspect',
        'label is suspect',
        Array.from(labels, (label, i) => (label < 0 ? NaN : flagged[i])),
      );
      put({
        state: 'done',
        trained: judged,
        seconds: (performance.now() - began) / 1000,
        report: { flagged: flagged.reduce((a, b) => a + b, 0), judged },
      });
    });
  });
}

function foldsRun(run: Run): Run {
  if (run.kind !== 'train' || run.state !== 'done' || run.classification?.by !== 'folds') {
    throw new WinnowError(
      'bad-request',
      `${run.id} is no classifier that was trained in folds: it knows the labels of the images that it would have to doubt.`,
    );
  }
  return run;
}

async function toldByHeads(
  context: JobContext,
  { folds, repeats, seed }: LabelsRequest,
  report: Report,
): Promise<KnownProbabilities> {
  const all = context.table.samples();
  const { classes, division } = divide(all, context.groups.list(), {
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
  report.stage('Judging labels', 0, 'heads');
  const probabilities = await context.compute.outOfFold(
    { embeddings: set, last: usual.last, labels, classes: classes.length, partitions, seed },
    {
      signal: report.signal,
      onEvent: ({ done, total }) => report.progress(done, total),
    },
  );
  return { samples, classes, probabilities };
}

// --- the queue ---

/** That a person said of this image, as it is, that its class is right. */
export const confirmedKey = ({ sha256 }: Pick<Sample, 'sha256'>, name: string): string =>
  settingKey('confirmed', `${sha256} ${name}`);

/** What of a run's suspects still stands: not labelled anew, not confirmed. The least of quality first. */
export function labelQueue(table: Table, settings: Settings, runs: readonly Run[]): LabelQueue | null {
  const run = runs.find(({ kind, state }) => kind === 'labels' && state === 'done');
  if (!run) return null;
  const columns = new Map(table.columns().map((column) => [column.name, column]));
  const column = (name: string) => `${run.id}.${name}`;
  const classes = columns.get(column('suggested'))?.categories;
  if (!classes) return null;
  const [quality, given, suggested, confidence, suspect] = [
    'quality',
    'given',
    'suggested',
    'confidence',
    'suspect',
  ].map((name) => table.values(column(name)));
  const confirmed = new Set(settings.all('confirmed').map(([key]) => key));
  const suspects: LabelSuspect[] = [];
  let flagged = 0;
  for (const sample of table.samples()) {
    if (suspect[sample.id] !== 1) continue;
    flagged++;
    const was = classes[given[sample.id]];
    if (sample.class !== was || sample.decision === 'reject' || confirmed.has(`${sample.sha256} ${was}`)) continue;
    suspects.push({
      sampleId: sample.id,
      given: was,
      suggested: classes[suggested[sample.id]],
      quality: quality[sample.id],
      confidence: confidence[sample.id],
    });
  }
  suspects.sort((a, b) => a.quality - b.quality || a.sampleId - b.sampleId);
  return { runId: run.id, judged: Number(run.report.judged ?? 0), flagged, suspects };
}
