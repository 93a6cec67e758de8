/** `train FOLDER --model …`: trains and evaluates a classifier. Options are generated from the schemas of the models. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Evaluation, Measured } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import { trainSchema, type TrainRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { atLeastOne, backendOption, folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { checkFolders, follow, say, writeJson } from './output.ts';
import { classifierOptions, classifierRequest, variants, type ClassifierOptions } from './classifier-options.ts';
import { addParameterFlags } from './parameters.ts';
import { conditionsOf, sayRun } from './run-output.ts';
import { allSamples } from './samples.ts';
import { describePredictions } from './predict.ts';
import { largestOf } from '../contract/numbers.ts';

interface TrainOptions extends FolderOptions, ClassifierOptions {
  folds: number;
  findRate?: boolean;
  summary?: boolean;
  preview?: string;
  views: number;
  fresh?: boolean;
  [flag: string]: unknown;
}

export function addTrainCommand(program: Command) {
  const command = classifierOptions(
    folderCommand(program, 'train', 'train', 'train a classifier and evaluate it on held-out images', [
      'photos',
      'photos --mode head --folds 5',
      'photos --model resnet --policy randaugment --folds 5 --json result.json',
      'photos --find-rate',
    ]),
  )
    .option('--folds <k>', 'k-fold cross-validation: each image is tested once; 0 for a single split', whole, 0)
    .option('--seed <n>', 'the same seed on the same machine gives the same classifier', whole, 1)
    .option('--find-rate', 'only run a learning rate range test')
    .option('--summary', 'only list the layers: shapes, parameters, multiply-adds, memory')
    .option('--preview <dir>', 'only write augmented views of one image of each class')
    .option('--views <n>', 'with --preview: views of each image', atLeastOne, 8)
    .option('--fresh', 'start again even if an interrupted training could be resumed')
    .addOption(backendOption());
  addParameterFlags(command, variants);
  command.action((folder: string, options: TrainOptions) => {
    checkFolders({ '--preview': options.preview }, folder);
    return inFolder(folder, options, (client) => trainCommand(client, options));
  });
}

async function trainCommand(client: Client, options: TrainOptions): Promise<void> {
  const request = trainSchema.parse({
    ...(await classifierRequest(options, options.folds)),
    seed: options.seed,
    resume: !options.fresh,
  });
  if (options.summary) return summary(client, options, request);
  if (options.preview) return preview(client, options, request, resolve(options.preview));
  if (options.findRate) return findRate(client, options, request);
  const job = await follow(client, options, () => client.calls.classifier.train.mutate(request));
  const run = await client.calls.runs.get.query({ id: job.runId as string });
  const { samples } = await describePredictions(client, run);
  const issues = await client.calls.samples.issues.query();
  const { classes, evaluation, counts, by, folds, asked, dataHash } = run.classification as NonNullable<
    Run['classification']
  >;
  // Only images of the split; `predict` lists all images.
  const inSplit = samples.filter(({ split, label }) => split !== null && label !== null);
  writeJson(options, {
    schema: 'winnow/train@1',
    folder: client.folder,
    samples: inSplit,
    issues,
    run: {
      id: run.id,
      model: run.method,
      mode: options.mode,
      ...conditionsOf(run),
      classes,
      counts,
      by,
      folds,
      division: asked?.division,
      weights: asked?.weights,
      dataHash,
      metrics: evaluation && metricsOf(evaluation),
      evaluation,
      history: run.history,
      report: run.report,
      notes: run.notes,
    },
  });
  sayRun(options, run, `${run.trained.toLocaleString('en')} images`, issues);
  if (options.quiet || options.json === '-') return;
  process.stdout.write(
    evaluation
      ? `${tableOf(evaluation).join('\n')}\n`
      : 'No images were held out, so the classifier was not evaluated.\n',
  );
}

/** The metrics as plain numbers, for scripts. */
const metricsOf = ({ accuracy, balancedAccuracy, macroF1, loss, topK, calibration }: Evaluation) => ({
  accuracy: accuracy.value,
  balancedAccuracy: balancedAccuracy.value,
  f1: macroF1.value,
  loss: loss.value,
  ...(topK && { [`top${topK.k}`]: topK.value }),
  calibrationError: calibration.scaledError,
});

function tableOf({
  on,
  images,
  accuracy,
  balancedAccuracy,
  macroF1,
  loss,
  topK,
  classes,
  calibration,
}: Evaluation): string[] {
  const interval = ({ value, low, high }: Measured) => `${value.toFixed(3)}  [${low.toFixed(3)} ${high.toFixed(3)}]`;
  const width = largestOf(
    classes.map(({ name }) => printable(name).length),
    5,
  );
  return [
    `On ${images.toLocaleString('en')} images ${on === 'folds' ? 'out of fold' : on === 'test' ? 'of the test split' : 'of the validation split: there is no test split'}, with 95 % intervals:`,
    `  accuracy           ${interval(accuracy)}`,
    `  balanced accuracy  ${interval(balancedAccuracy)}`,
    `  macro F1           ${interval(macroF1)}`,
    ...(topK ? [`  top-${topK.k} accuracy     ${interval(topK)}`] : []),
    `  loss               ${interval(loss)}`,
    `  calibration error  ${calibration.error.toFixed(3)}, after scaling with temperature ${calibration.temperature.toFixed(2)}: ${calibration.scaledError.toFixed(3)}`,
    '',
    `  ${'class'.padEnd(width)}  images  precision  recall     F1`,
    ...classes.map(
      ({ name, images: n, precision, recall, f1 }) =>
        `  ${printable(name).padEnd(width)}  ${String(n).padStart(6)}  ${precision.toFixed(3).padStart(9)}  ${recall.toFixed(3).padStart(6)}  ${f1.toFixed(3).padStart(5)}`,
    ),
  ];
}

/** Prints the layers of the network for the number of classes in the folder. */
async function summary(client: Client, options: TrainOptions, request: TrainRequest): Promise<void> {
  const { classes } = await scanAndSplit(client, options, request);
  const network = await client.calls.engine.summary.query({
    model: request.model,
    mode: request.mode,
    parameters: request.parameters,
    classes: Math.max(2, classes.length),
  });
  writeJson(options, { schema: 'winnow/summary@1', folder: client.folder, model: request.model, ...network });
  if (options.quiet || options.json === '-') return;
  const count = (n: number) => n.toLocaleString('en');
  const width = largestOf(network.layers.map(({ name }) => name.length));
  for (const { name, kind, output, parameters, macs } of network.layers)
    process.stdout.write(
      `${name.padEnd(width)}  ${kind.padEnd(14)}  ${output.join('×').padStart(12)}  ${count(parameters).padStart(12)}  ${count(macs).padStart(14)}\n`,
    );
  process.stdout.write(
    `${count(network.parameters)} parameters, ${count(network.macs)} multiply-adds per image; about ${count(Math.round(network.trainingMiB))} MiB for training with batch size ${network.batch}, ${count(Math.round(network.freeMiB))} MiB free.\n`,
  );
}

async function scanAndSplit(client: Client, options: TrainOptions, request: TrainRequest) {
  await follow(client, options, () => client.calls.workspace.scan.mutate());
  return client.calls.classifier.split.query(request.division);
}

async function preview(client: Client, options: TrainOptions, request: TrainRequest, to: string): Promise<void> {
  const { classes } = await scanAndSplit(client, options, request);
  const samples = await allSamples(client);
  const ids = classes.flatMap(({ name }) => samples.find((sample) => sample.class === name)?.id ?? []).slice(0, 64);
  if (!ids.length)
    throw new WinnowError(
      'no-samples',
      'No image has a class yet. Put the images into one subfolder per class, or label them.',
    );
  const { tiles } = await client.calls.classifier.preview.mutate({ train: request, ids, draws: options.views, to });
  const paths = new Map(samples.map(({ id, path }) => [id, path]));
  writeJson(options, {
    schema: 'winnow/preview@1',
    folder: client.folder,
    to,
    views: tiles.map(({ sampleId, draw, steps }) => ({ path: paths.get(sampleId), view: draw + 1, steps })),
  });
  say(options, `${tiles.length} views of ${ids.length} images in ${to}.`);
}

async function findRate(client: Client, options: TrainOptions, request: TrainRequest): Promise<void> {
  const job = await follow(client, options, () => client.calls.classifier.rangeTest.mutate(request));
  const run = await client.calls.runs.get.query({ id: job.runId as string });
  const { points, suggested, stopped } = run.rangeTest as NonNullable<Run['rangeTest']>;
  writeJson(options, {
    schema: 'winnow/range-test@1',
    folder: client.folder,
    run: {
      id: run.id,
      model: run.method,
      seed: run.seed,
      parameters: run.parameters,
      points,
      suggested,
      stopped,
      notes: run.notes,
    },
  });
  for (const note of run.notes) say(options, note);
  if (options.quiet || options.json === '-') return;
  process.stdout.write(
    points
      .filter((_, i) => i % 4 === 0)
      .map(({ rate, smooth }) => `${rate.toExponential(1).padStart(8)}  ${smooth.toFixed(4)}\n`)
      .join(''),
  );
  process.stdout.write(
    suggested === null
      ? 'The loss does not decrease at any learning rate.\n'
      : `Suggested: --learning-rate ${suggested.toPrecision(2)}\n`,
  );
}
