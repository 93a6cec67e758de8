/** `export-model FOLDER --run ID --to DIR`: exports a trained classifier. `take-away` is its former name. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { modelFormats, exportModelSchema } from '../contract/schemas.ts';
import type { Client } from '../door/client.ts';
import { atLeastOne, backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { checkFolders, follow, say, writeJson } from './output.ts';

interface ExportModelOptions extends FolderOptions {
  run?: string;
  to: string;
  format?: (typeof modelFormats)[number][];
  fold: number;
}

export function addExportModelCommand(program: Command) {
  folderCommand(
    program,
    'train',
    'export-model',
    'export a classifier as ONNX and TF.js, or the detector of a ranking as ONNX, with an example',
    ['photos --to model', 'photos --run resnet-2 --to model --format onnx', 'photos --run nearest-1 --to detector'],
  )
    .alias('take-away')
    .option('--run <id>', 'which training or ranking (default: the newest finished training)')
    .requiredOption('--to <dir>', 'a new or empty folder')
    .addOption(new Option('--format <name...>', 'only these formats').choices(modelFormats))
    .option('--fold <n>', 'which model of a cross-validation', atLeastOne, 1)
    .addOption(backendOption())
    .action((folder: string, options: ExportModelOptions) => {
      checkFolders({ '--to': options.to }, folder);
      return inFolder(folder, options, (client) => exportModelCommand(client, options));
    });
}

async function exportModelCommand(client: Client, options: ExportModelOptions): Promise<void> {
  const runId =
    options.run ??
    (await client.calls.runs.list.query()).find(({ kind, state }) => kind === 'train' && state === 'done')?.id;
  if (!runId) throw new WinnowError('no-run', 'No classifier has been trained on this folder yet. Run `train` first.');
  const to = resolve(options.to);
  const job = await follow(client, options, () =>
    client.calls.classifier.exportModel.mutate(
      exportModelSchema.parse({ runId, to, formats: options.format, fold: options.fold }),
    ),
  );
  const about = JSON.parse(await readFile(join(to, 'about.json'), 'utf8')) as Record<string, unknown>;
  const fields = about.classes ? ['classes', 'transform'] : ['method', 'threshold', 'inputs', 'outputs'];
  writeJson(options, {
    schema: 'winnow/take-away@2',
    folder: client.folder,
    to,
    run: { id: runId },
    ...Object.fromEntries(fields.map((name) => [name, about[name]])),
  });
  say(options, `${job.summary}. See README.md there for an example.`);
}
