/** `predict FOLDER --run ID`: the predictions of a trained classifier for every image of the folder. */
import type { Command } from 'commander';
import { splitNames } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Run } from '../contract/types.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, writeJson } from './output.ts';
import { allSamples } from './samples.ts';

interface PredictOptions extends FolderOptions {
  run?: string;
}

export function addPredictCommand(program: Command) {
  folderCommand(
    program,
    'train',
    'predict',
    'predict every image with a trained classifier, including images added later',
    ['photos', 'photos --run resnet-2 --json predictions.json'],
  )
    .option('--run <id>', 'which training (default: the newest finished one)')
    .addOption(backendOption())
    .action((folder: string, options: PredictOptions) =>
      inFolder(folder, options, (client) => predictCommand(client, options)),
    );
}

async function predictCommand(client: Client, options: PredictOptions): Promise<void> {
  const runs = await client.calls.runs.list.query();
  const id = options.run ?? runs.find(({ kind, state }) => kind === 'train' && state === 'done')?.id;
  if (!id) throw new WinnowError('no-run', 'No classifier has been trained on this folder yet. Run `train` first.');
  const run = await client.calls.runs.get.query({ id });
  await follow(client, options, () => client.calls.classifier.predict.mutate({ runId: run.id }));
  const { samples, classes } = await describePredictions(client, run);
  const issues = await client.calls.samples.issues.query();
  writeJson(options, {
    schema: 'winnow/predict@1',
    folder: client.folder,
    samples,
    issues,
    run: { id: run.id, model: run.method, seed: run.seed, classes, parameters: run.parameters },
  });
  if (options.quiet || options.json === '-') return;
  for (const { path, predicted, confidence } of samples)
    process.stdout.write(`${confidence.toFixed(3)}  ${printable(predicted)}  ${printable(path)}\n`);
}

export interface PredictedSample {
  path: string;
  split: string | null;
  label: string | null;
  predicted: string;
  confidence: number;
  probabilities: Record<string, number>;
}

/** A run's predictions, by path; samples without a prediction are left out. */
export async function describePredictions(
  client: Client,
  run: Run,
): Promise<{ classes: string[]; samples: PredictedSample[] }> {
  const classes = run.classification?.classes;
  if (!classes) throw new WinnowError('no-run', `${run.id} is not a classifier.`);
  const [{ ids, probabilities }, splits, all] = await Promise.all([
    client.predictions(run.id),
    client.column(`${run.id}.split`),
    allSamples(client),
  ]);
  const rows = new Map(Array.from(ids, (id, row) => [id, row]));
  const k = classes.length;
  return {
    classes,
    samples: all.flatMap(({ id, path, class: label }) => {
      const row = rows.get(id);
      if (row === undefined) return [];
      const imageProbabilities = probabilities.subarray(row * k, (row + 1) * k);
      const best = imageProbabilities.reduce((most, p, c) => (p > imageProbabilities[most] ? c : most), 0);
      return [
        {
          path,
          split: splitNames[splits[id]] ?? null,
          label,
          predicted: classes[best],
          confidence: imageProbabilities[best],
          probabilities: Object.fromEntries(classes.map((name, c) => [name, imageProbabilities[c]])),
        },
      ];
    }),
  };
}
