/** `explain FOLDER --run ID`: why a network gave its output, as maps of images. */
import { Option, type Command } from 'commander';
import { methodOf, methods } from '../compute/inside/methods/index.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Subject, Target } from '../contract/inside.ts';
import { nfc } from '../contract/same-name.ts';
import { explainFilesSchema } from '../contract/schemas.ts';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { addChoice, choiceOf, readList, type ChoiceOptions } from './choose.ts';
import { backendOption, folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { checkFolders, follow, say, writeJson } from './output.ts';
import { addParameterFlags, parametersOf } from './parameters.ts';
import { knownSamples } from './samples.ts';

interface ExplainOptions extends FolderOptions, ChoiceOptions {
  run?: string;
  method: string;
  layer?: string;
  target?: string;
  minus?: string;
  to: string;
  seed: number;
  [flag: string]: unknown;
}

export function addExplainCommand(program: Command) {
  const command = addChoice(
    folderCommand(program, 'look', 'explain', 'write maps of why a network gave its output for images', [
      'photos test/7.png --to maps',
      "photos 'test/**' --run resnet-1 --method integrated-gradients --target dress --to maps --json -",
      "photos --run conv-ae-1 --where 'conv-ae.error > 0.02' --to maps",
    ]),
  )
    .option('--run <id>', 'a finished training or ranking, or bundled weights (default: the newest classifier)')
    .option('--method <id>', `method: ${methods.map(({ id }) => id).join(', ')}`, methods[0].id)
    .option('--layer <name>', 'the layer that the map is made of; `inspect` lists them (default: chosen automatically)')
    .option(
      '--target <class>',
      "what is explained: a class, or ‘loss’ (of the image's own class), ‘error’ (of an autoencoder), ‘score’ (of a ranking) (default: the predicted class, the reconstruction error, or the anomaly score)",
    )
    .option('--minus <class>', 'explains the difference of two classes: --target minus this one')
    .addOption(new Option('--to <dir>', 'folder for the maps').makeOptionMandatory())
    .option('--seed <n>', 'for methods with noise', whole, 1)
    .addOption(backendOption());
  addParameterFlags(command, methods);
  command.action(async (folder: string, what: string[], options: ExplainOptions) => {
    checkFolders({ '--to': options.to }, folder);
    const listed = await readList(options);
    await inFolder(folder, options, (client) => explainCommand(client, what, listed, options));
  });
}

async function explainCommand(
  client: Client,
  what: readonly string[],
  listed: readonly string[] | null,
  options: ExplainOptions,
): Promise<void> {
  const method = methodOf(options.method);
  if (!method)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${options.method}’. Methods: ${methods.map(({ id }) => id).join(', ')}.`,
    );
  const samples = await knownSamples(client);
  const subject = await subjectOf(client, options.run);
  const request = explainFilesSchema.parse({
    run: subject.id,
    method: method.id,
    layer: options.layer ?? null,
    target: targetOf(subject, options),
    parameters: parametersOf(options, method, methods),
    seed: options.seed,
    choice: await choiceOf(client, samples, what, listed, options),
    to: options.to,
  });
  const job = await follow(client, options, () => client.calls.inside.writeExplanations.mutate(request));
  const written = await client.calls.inside.written.query({ jobId: job.id });
  if (!written) throw new WinnowError('failed', 'The list of the written maps is gone. Run the command again.');
  writeJson(options, {
    schema: 'winnow/explain@1',
    folder: client.folder,
    run: written.run,
    method: written.method,
    layer: written.layer,
    to: written.to,
    samples: written.samples,
  });
  if (options.quiet || options.json === '-') return;
  for (const { path, target, file, note } of written.samples)
    process.stdout.write(
      `${printable(path)}  ${file === null ? `no map: ${note}` : `${printable(target)}${note ? ` (${note})` : ''}`}\n`,
    );
  say(options, job.summary ?? plural(written.samples.length, 'map'));
}

/** The named network; without a name the newest classifier, else the newest ranking. Throws `no-run`. */
export async function subjectOf(client: Client, id: string | undefined): Promise<Subject> {
  const subjects = await client.calls.inside.subjects.query();
  const found =
    id === undefined
      ? (subjects.find(({ kind }) => kind === 'classifier') ?? subjects.find(({ kind }) => kind !== 'weights'))
      : subjects.find((subject) => subject.id === id);
  if (found) return found;
  throw new WinnowError(
    'no-run',
    id === undefined
      ? 'This folder has no finished classifier and no ranking. Run `winnow train` or `winnow rank` first, or name bundled weights with --run.'
      : `There is no network ‘${id}’ to look into. There are: ${subjects.map((subject) => subject.id).join(', ')}.`,
  );
}

const others = ['auto', 'loss', 'error', 'score'] as const;

/** A class comes first: it may have the name of another target. */
function targetOf({ classes }: Subject, options: ExplainOptions): Target {
  const [target, minus] = [options.target, options.minus].map((name) => (name === undefined ? undefined : nfc(name)));
  if (target === undefined) {
    if (minus !== undefined) throw new WinnowError('bad-request', 'Name a class with --target beside --minus.');
    return { of: 'auto' };
  }
  if (minus !== undefined) return { of: 'difference', name: target, minus };
  if (!classes.includes(target)) for (const of of others) if (of === target) return { of };
  return { of: 'class', name: target };
}
