/** `map FOLDER`: a two-dimensional map of the images, similar ones close together. */
import type { Command } from 'commander';
import { mapSchema } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { backendOption, folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { allSamples } from './samples.ts';

interface MapOptions extends FolderOptions {
  run?: string;
  seed: number;
  anew?: boolean;
}

export function addMapCommand(program: Command) {
  folderCommand(
    program,
    'find',
    'map',
    'project the images onto a map, similar ones close together; coordinates are the columns map.x and map.y',
    ['photos --json map.json', 'photos --run conv-ae-2 --anew'],
  )
    .option('--run <id>', 'use the codes of this autoencoder (default: pretrained embeddings)')
    .option('--seed <n>', 'the same seed on the same machine gives the same map', whole, 1)
    .option('--anew', 'compute the whole map again, even if only new images are missing from it')
    .addOption(backendOption())
    .action((folder: string, options: MapOptions) =>
      inFolder(folder, options, (client) => mapCommand(client, options)),
    );
}

async function mapCommand(client: Client, options: MapOptions): Promise<void> {
  const request = mapSchema.parse({ runId: options.run ?? null, seed: options.seed, anew: options.anew ?? false });
  const job = await follow(client, options, () => client.calls.workspace.map.mutate(request));
  const [x, y, samples, columns] = await Promise.all([
    client.column('map.x'),
    client.column('map.y'),
    allSamples(client),
    client.calls.samples.columns.query(),
  ]);
  const placed = samples.filter(({ id }) => !Number.isNaN(x[id] ?? NaN));
  const run = columns.find(({ name }) => name === 'map.x')?.runId ?? null;
  writeJson(options, {
    schema: 'winnow/map@1',
    folder: client.folder,
    run,
    seed: options.seed,
    samples: placed.map(({ id, path }) => ({ path, x: x[id], y: y[id] })),
    issues: await client.calls.samples.issues.query(),
  });
  say(
    options,
    `${job.summary ?? plural(placed.length, 'image')}. ${plural(placed.length, 'image')} on the map in total.`,
  );
}
