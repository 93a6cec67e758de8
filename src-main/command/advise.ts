/** `advise FOLDER`: recommends a training mode by the size of the data set and its similarity to ImageNet. */
import type { Command } from 'commander';
import { whole } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, writeJson } from './output.ts';

export function addAdviseCommand(program: Command) {
  folderCommand(program, 'train', 'advise', 'recommend a training mode for this folder, with reasons', ['photos'])
    .addOption(backendOption())
    .action((folder: string, options: FolderOptions) =>
      inFolder(folder, options, (client) => adviseCommand(client, options)),
    );
}

async function adviseCommand(client: Client, options: FolderOptions): Promise<void> {
  await follow(client, options, () => client.calls.workspace.scan.mutate());
  const advice = await client.calls.classifier.advise.query();
  writeJson(options, { schema: 'winnow/advise@1', folder: client.folder, ...advice });
  if (options.quiet || options.json === '-') return;
  const { images, classes, perClass, distance, similarity, size, mode, reasons } = advice;
  process.stdout.write(`${whole(images)} images in ${classes} classes, median class size ${perClass}: ${size}.\n`);
  if (distance !== null) process.stdout.write(`${distance.toFixed(2)} nats from ImageNet: ${similarity} similarity.\n`);
  process.stdout.write(`${reasons.join(' ')}\n\n  --mode ${mode}\n`);
}
