/** `unlike FOLDER PATH`: a place of an image beside the nearest normal patch of a ranking. */
import { InvalidArgumentError, type Command } from 'commander';
import { scorerOf } from '../compute/anomaly/index.ts';
import { WinnowError } from '../contract/errors.ts';
import { unlikeSchema } from '../contract/schemas.ts';
import type { Box, Place, Unlike } from '../contract/unlike.ts';
import { printable } from '../contract/words.ts';
import { PathIndex } from '../contract/same-name.ts';
import type { Client } from '../door/client.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { writeJson } from './output.ts';
import { allSamples } from './samples.ts';

interface UnlikeOptions extends FolderOptions {
  run?: string;
  at?: Place;
}

export function addUnlikeCommand(program: Command) {
  folderCommand(program, 'find', 'unlike', 'show what a place of an image is unlike: the nearest normal patch', [
    'photos test/broken.png',
    'photos test/broken.png --at 0.4,0.25 --run auto-1 --json -',
  ])
    .argument('<path>', 'an image of the folder')
    .option('--run <id>', 'a finished ranking that keeps patches (default: the newest that is not archived)')
    .option(
      '--at <x,y>',
      'a place, in fractions of width and height (default: where the error map is highest)',
      placeOf,
    )
    .addOption(backendOption())
    .action((folder: string, path: string, options: UnlikeOptions) =>
      inFolder(folder, options, (client) => unlikeCommand(client, path, options)),
    );
}

function placeOf(text: string): Place {
  const [x, y, ...others] = text.split(',').map((part) => (part.trim() ? Number(part) : NaN));
  if (others.length || ![x, y].every((value) => value >= 0 && value <= 1))
    throw new InvalidArgumentError('Give two numbers from 0 to 1, such as 0.4,0.25.');
  return { x, y };
}

async function unlikeCommand(client: Client, path: string, options: UnlikeOptions): Promise<void> {
  const wanted = path.replaceAll('\\', '/').replace(/^\.\//, '');
  const sample = new PathIndex(await allSamples(client)).get(wanted);
  if (!sample)
    throw new WinnowError(
      'no-samples',
      `There is no image ‘${path}’. Paths are relative to the folder; a new image is known after \`winnow scan\`.`,
    );
  const runId = options.run ?? (await newest(client));
  const found = await client.calls.runs.unlike.query(
    unlikeSchema.parse({ runId, sampleId: sample.id, at: options.at ?? null }),
  );
  const { here, there, distance, usual } = found;
  writeJson(options, {
    schema: 'winnow/unlike@1',
    folder: client.folder,
    run: runId,
    sample: { path: sample.path, box: here },
    normal: { path: found.path, box: there },
    distance,
    usual,
  });
  if (options.quiet || options.json === '-') return;
  process.stdout.write(`${textOf(sample.path, found)}\n`);
}

async function newest(client: Client): Promise<string> {
  const runs = await client.calls.runs.list.query();
  const run = runs.find(
    ({ kind, state, method, archived }) =>
      kind === 'rank' && state === 'done' && !archived && scorerOf(method)?.gives.nearestPatch,
  );
  if (!run)
    throw new WinnowError('no-run', 'This folder has no finished ranking that keeps patches. Run `winnow rank` first.');
  return run.id;
}

function textOf(path: string, { here, there, path: normal, distance, usual }: Unlike): string {
  const at = ({ x, y, width, height }: Box) => `${(x + width / 2).toFixed(3)},${(y + height / 2).toFixed(3)}`;
  return [
    `place           ${printable(path)} at ${at(here)}`,
    `nearest normal  ${printable(normal)} at ${at(there)}`,
    `distance        ${distance.toPrecision(3)}, ${(distance / usual).toFixed(1)} × as far as the most unusual patches of a normal image (${usual.toPrecision(3)})`,
  ].join('\n');
}
