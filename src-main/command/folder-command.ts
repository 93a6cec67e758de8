/** The common part of all commands on a folder: options, help, and opening and closing the folder. */
import { Help, InvalidArgumentError, Option, type Command, type HelpConfiguration } from 'commander';
import { openClient, type Client } from '../door/client.ts';
import { WinnowError } from '../contract/errors.ts';
import { backendChoices, type BackendChoice } from '../contract/machine.ts';
import { checkJson, say, type OutputOptions } from './output.ts';

export interface FolderOptions extends OutputOptions {
  workspace?: string;
  backend?: BackendChoice;
}

/** Headings of `--help`. */
export const headings = {
  find: 'Find:',
  train: 'Train:',
  look: 'Look inside:',
  decide: 'Decide:',
  keep: 'Export and keep:',
} as const;

const everywhereHeading = 'Common options:';
const everywhere = (flags: string, description: string) => new Option(flags, description).helpGroup(everywhereHeading);
/** A command's own options come before the common ones. */
export const ownOptionsFirst: HelpConfiguration = {
  groupItems(all, visible, groupOf) {
    const groups = new Help().groupItems(all, visible, groupOf);
    const shared = groups.get(everywhereHeading);
    if (shared && groups.delete(everywhereHeading)) groups.set(everywhereHeading, shared);
    return groups;
  },
};

/** Declares a command on a folder. `examples` are listed below its options. */
export function folderCommand(
  program: Command,
  heading: keyof typeof headings,
  name: string,
  description: string,
  examples: readonly string[] = [],
): Command {
  const command = program
    .command(name)
    .description(description)
    .helpGroup(headings[heading])
    .argument('<folder>', 'folder of images; never changed')
    .addOption(everywhere('--workspace <dir>', 'folder for the workspace (default: in your data folder)'))
    .addOption(everywhere('--json <file>', "write the result as JSON; '-' for standard output"))
    .addOption(everywhere('--quiet', 'no progress and no messages'));
  if (examples.length)
    command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  winnow ${name} ${example}`).join('\n')}`);
  return command;
}

/** Opens the folder, does the work, closes the folder. Fails with a message if the engine of another process is used and that process ends. */
export async function inFolder(
  folder: string,
  options: FolderOptions,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  checkJson(options, folder);
  const client = await openClient(folder, options.workspace);
  try {
    if (client.warning) say(options, client.warning);
    const lost = new Promise<never>((_, fail) =>
      client.lost.addEventListener('abort', () => fail(client.lost.reason as Error), { once: true }),
    );
    await Promise.race([lost, run()]);
  } finally {
    await client.close((clients) =>
      say(
        options,
        `Done. ${clients === 1 ? 'Another command uses' : `${clients} other commands use`} the engine of this process; it exits when ${clients === 1 ? 'that one has' : 'they have'} finished.`,
      ),
    );
  }

  async function run() {
    if (options.backend) await requireBackend(options.backend, client);
    await work(client);
  }
}

/** For commands that compute. cli.ts sets it in the environment before an engine starts. */
export const backendOption = (): Option =>
  new Option(
    '--backend <name>',
    'compute backend (default: the one chosen in the window, else the fastest available)',
  ).choices(backendChoices);

/** Fails if the engine that has the folder open uses another backend. */
async function requireBackend(wanted: BackendChoice, client: Client): Promise<void> {
  const { choice, problem } = await client.calls.engine.backend.query();
  if (choice !== wanted)
    throw new WinnowError(
      'bad-request',
      `The folder is open in another Winnow, which uses the backend ‘${choice}’. Change it there, or close it.`,
    );
  if (problem) throw new WinnowError('compute-failed', problem);
}

export function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('Expected a whole number.');
  return value;
}

export function number(text: string): number {
  const value = Number(text);
  if (!text.trim() || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

export function atLeastOne(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('Expected a whole number of at least 1.');
  return value;
}

/** Parses the fractions of the splits. */
export function sharesOf(text: string): { train: number; val: number; test: number } {
  const shares = text.split(',').map(Number);
  const [train, val, test = 0] = shares;
  if (
    !/^[\d.,\s]+$/.test(text) ||
    shares.length < 2 ||
    shares.length > 3 ||
    shares.some((share) => !Number.isFinite(share)) ||
    train + val + test <= 0
  ) {
    throw new InvalidArgumentError('Expected fractions for train, validation and test, for example 0.8,0.1,0.1.');
  }
  return { train, val, test };
}
