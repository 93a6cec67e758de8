/** `like FOLDER PATH…`: the images most similar to the named ones. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { addChoice, choiceOf, chosenSamples, readList, type ChoiceOptions } from './choose.ts';
import { atLeastOne, backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, writeJson } from './output.ts';
import { allSamples } from './samples.ts';

interface LikeOptions extends FolderOptions, ChoiceOptions {
  top: number;
}

export function addLikeCommand(program: Command) {
  addChoice(
    folderCommand(
      program,
      'find',
      'like',
      'list the images most similar to the named ones, by pretrained embeddings; similarities are stored in the column alike',
      ['photos dress/17.jpg --top 20', 'photos --where "tag = \'scratch\'" --json like.json'],
    ),
  )
    .option('--top <n>', 'how many images to list', atLeastOne, 20)
    .addOption(backendOption())
    .action(async (folder: string, what: string[], options: LikeOptions) => {
      const listed = await readList(options);
      await inFolder(folder, options, (client) => likeCommand(client, what, listed, options));
    });
}

async function likeCommand(
  client: Client,
  what: readonly string[],
  listed: readonly string[] | null,
  options: LikeOptions,
): Promise<void> {
  await follow(client, options, () => client.calls.workspace.scan.mutate());
  const samples = await allSamples(client);
  const chosen = await chosenSamples(client, samples, await choiceOf(client, samples, what, listed, options));
  if (!chosen.length) throw new WinnowError('no-samples', 'No image of this folder matches.');
  if (chosen.length > 1000)
    throw new WinnowError('bad-request', `${chosen.length} images are too many to compare with: name up to 1,000.`);
  await follow(client, options, () => client.calls.samples.findSimilar.mutate({ ids: chosen.map(({ id }) => id) }));
  const likeness = await client.column('alike');
  const ranked = samples
    .filter(({ id }) => !Number.isNaN(likeness[id] ?? NaN))
    .map(({ id, path }) => ({ path, likeness: likeness[id] }))
    .sort((a, b) => b.likeness - a.likeness || (a.path < b.path ? -1 : 1));
  writeJson(options, {
    schema: 'winnow/like@1',
    folder: client.folder,
    to: chosen.map(({ path }) => path),
    samples: ranked,
    issues: await client.calls.samples.issues.query(),
  });
  if (options.quiet || options.json === '-') return;
  for (const { path, likeness: value } of ranked.slice(0, options.top))
    process.stdout.write(`${value.toFixed(3)}  ${printable(path)}\n`);
}
