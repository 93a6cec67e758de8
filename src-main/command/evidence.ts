/** `evidence FOLDER --run ID`: where a network looks, over all images, and how much of it is outside of masks. */
import type { Command } from 'commander';
import { methods } from '../compute/inside/methods/index.ts';
import { evidenceSchema } from '../contract/schemas.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { subjectOf } from './explain.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { knownSamples } from './samples.ts';

interface EvidenceOptions extends FolderOptions {
  run?: string;
  method: string;
  layer?: string;
}

export function addEvidenceCommand(program: Command) {
  folderCommand(
    program,
    'look',
    'evidence',
    'explain all images: mean maps by class in the window, and the column <run>.outside for images with masks (right for the wrong reason?)',
    ['photos', 'photos --run resnet-1 --method hirescam --json evidence.json'],
  )
    .option('--run <id>', 'a finished training or ranking (default: the newest classifier)')
    .option('--method <id>', `method: ${methods.map(({ id }) => id).join(', ')}`, methods[0].id)
    .option('--layer <name>', 'the layer that the maps are made of (default: chosen automatically)')
    .addOption(backendOption())
    .action((folder: string, options: EvidenceOptions) =>
      inFolder(folder, options, (client) => evidenceCommand(client, options)),
    );
}

async function evidenceCommand(client: Client, options: EvidenceOptions): Promise<void> {
  const samples = await knownSamples(client);
  const { id: run } = await subjectOf(client, options.run);
  const { method, layer = null } = options;
  const job = await follow(client, options, () =>
    client.calls.inside.evidence.mutate(evidenceSchema.parse({ run, method, layer })),
  );
  const { header } = await client.inside('classMaps', { run });
  const columns = await client.calls.samples.columns.query();
  const outside = columns.some(({ name }) => name === `${run}.outside`) ? await client.column(`${run}.outside`) : null;
  const compared = samples
    .flatMap(({ id, path }) => (Number.isFinite(outside?.[id] ?? NaN) ? [{ path, outside: outside![id] }] : []))
    .sort((a, b) => b.outside - a.outside);
  writeJson(options, {
    schema: 'winnow/evidence@1',
    folder: client.folder,
    run,
    method: header.method,
    layer: header.layer,
    classes: header.classes,
    samples: compared,
  });
  if (options.quiet || options.json === '-') return;
  for (const sample of compared) process.stdout.write(`${sample.outside.toFixed(3)}  ${printable(sample.path)}\n`);
  say(options, `${job.summary ?? ''}. The window shows the mean map of each class.`);
}
