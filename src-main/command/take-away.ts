/** `take-away FOLDER --run ID --to DIR`: a trained classifier for other programs. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { modelFormats, takeAwaySchema } from '../contract/schemas.ts';
import type { Door } from '../door/client.ts';
import { atLeastOne, backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';

interface TakeAwayOptions extends FolderOptions {
  run?: string;
  to: string;
  format?: (typeof modelFormats)[number][];
  fold: number;
}

export function addTakeAwayCommand(program: Command) {
  folderCommand(
    program,
    'train',
    'take-away',
    'a trained classifier for other programs: ONNX, TF.js, with its classes and an example',
    ['photos --to model', 'photos --run resnet-2 --to model --format onnx'],
  )
    .option('--run <id>', 'which training (default: the newest that is done)')
    .requiredOption('--to <dir>', 'folder that is made; it must not exist or be empty')
    .addOption(new Option('--format <name...>', 'only these').choices(modelFormats))
    .option('--fold <n>', 'which model of a training in folds', atLeastOne, 1)
    .addOption(backendOption())
    .action((folder: string, options: TakeAwayOptions) =>
      inFolder(folder, options, (door) => takeAwayCommand(door, options)),
    );
}

async function takeAwayCommand(door: Door, options: TakeAwayOptions): Promise<void> {
  const runId =
    options.run ??
    (await door.calls.runs.list.query()).find(({ kind, state }) => kind === 'train' && state === 'done')?.id;
  if (!runId) throw new WinnowError('no-run', 'No classifier was trained on this folder yet. `train` it first.');
  const to = resolve(options.to);
  const job = await follow(door, options, () =>
    door.calls.classifier.takeAway.mutate(
      takeAwaySchema.parse({ runId, to, formats: options.format, fold: options.fold }),
    ),
  );
  const { classes, transform } = JSON.parse(await readFile(join(to, 'about.json'), 'utf8')) as {
    classes: string[];
    transform: object;
  };
  writeJson(options, { schema: 'winnow/take-away@1', folder: door.folder, to, run: { id: runId }, classes, transform });
  say(options, `${job.summary}. README.md there has an example.`);
}
