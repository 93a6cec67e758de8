/** The options that say which classifier is trained on which split, for `train` and `search`. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { classifierOf, classifiers } from '../compute/classify/index.ts';
import { pretrained, usual } from '../compute/models/pretrained.ts';
import { trainModes, type TrainMode } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import type { TrainRequest } from '../contract/schemas.ts';
import { pathOnDisk } from '../file/same-path.ts';
import { sharesOf, whole } from './folder-command.ts';
import { parametersOf } from './parameters.ts';

export interface ClassifierOptions {
  model?: string;
  mode: TrainMode;
  splitBy: 'auto' | 'folders' | 'shares';
  split: TrainRequest['division']['shares'];
  splitSeed?: number;
  seed: number;
  weights?: string;
  [flag: string]: unknown;
}

/** Each architecture with each of its training modes. */
export const variants = classifiers.flatMap((record) =>
  Object.entries(record.modes).map(([mode, schema]) => ({
    id: mode === 'scratch' ? record.id : mode,
    record,
    mode,
    schema,
  })),
);

export const classifierOptions = (command: Command): Command =>
  command
    .option(
      '--model <id>',
      `architecture: ${classifiers.map(({ id }) => id).join(', ')} (default: ${classifiers[0].id}; with pretrained weights, ${usual.model})`,
    )
    .addOption(
      new Option(
        '--mode <name>',
        'training mode. scratch: all layers, from random weights or --weights; head: only the last layer, on pretrained features, in seconds; head-then-all: first the head, then all layers; all: all layers at once, from pretrained weights',
      )
        .choices(trainModes)
        .default('scratch'),
    )
    .addOption(
      new Option(
        '--split-by <how>',
        'auto: by folders named train, val, test if there are any, else by fractions (shares)',
      )
        .choices(['auto', 'folders', 'shares'])
        .default('auto'),
    )
    .addOption(
      new Option('--split <train,val,test>', 'percentages of the images')
        .argParser(sharesOf)
        .default({ train: 70, val: 15, test: 15 }, '70,15,15'),
    )
    .option('--split-seed <n>', 'seed of the split (default: --seed)', whole)
    .option('--weights <file>', 'initial weights: a safetensors file with torchvision or timm names');

/** Without seed and resume. Throws WinnowError. */
export async function classifierRequest(
  options: ClassifierOptions,
  folds = 0,
): Promise<Omit<TrainRequest, 'seed' | 'resume'>> {
  const { mode, model = mode === 'scratch' ? classifiers[0].id : usual.model } = options;
  const record = classifierOf(model);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no model ‘${model}’. Available: ${classifiers.map(({ id }) => id).join(', ')}.`,
    );
  const variant = variants.find((known) => known.record === record && known.mode === mode);
  if (!variant)
    throw new WinnowError(
      'bad-request',
      `There are no pretrained weights for ${record.title}. Available for: ${pretrained.map((source) => source.model).join(', ')}.`,
    );
  return {
    model,
    mode,
    parameters: parametersOf(options, variant, variants),
    weights: options.weights ? await pathOnDisk(resolve(options.weights)) : null,
    division: {
      by: options.splitBy,
      shares: options.split,
      folds,
      seed: options.splitSeed ?? options.seed,
    },
  };
}
