/** What every command on a folder shares: its options, its help, the door that is opened for it and closed again whatever happens. */
import { Help, InvalidArgumentError, Option, type Command, type HelpConfiguration } from 'commander';
import { openDoor, type Door } from '../door/client.ts';
import { WinnowError } from '../contract/errors.ts';
import { backendChoices, type BackendChoice } from '../contract/machine.ts';
import { checkJson, say, type OutputOptions } from './output.ts';

export interface FolderOptions extends OutputOptions {
  workspace?: string;
  backend?: BackendChoice;
}

/** Headings of `--help`, in the order of the work. */
export const headings = { find: 'Find:', train: 'Train:', decide: 'Decide:', keep: 'Export and keep:' } as const;

const everywhereHeading = 'With every command:';
const everywhere = (flags: string, description: string) => new Option(flags, description).helpGroup(everywhereHeading);
/** A command's own options stand before those of every command. */
export const ownOptionsFirst: HelpConfiguration = {
  groupItems(all, visible, groupOf) {
    const groups = new Help().groupItems(all, visible, groupOf);
    const shared = groups.get(everywhereHeading);
    if (shared && groups.delete(everywhereHeading)) groups.set(everywhereHeading, shared);
    return groups;
  },
};

/** Declares a command on a folder. `examples` stand below its options. */
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
    .argument('<folder>', 'folder of images; it is only read')
    .addOption(everywhere('--workspace <dir>', 'where Winnow keeps what it learns (default: in your data folder)'))
    .addOption(everywhere('--json <file>', "write the result as JSON; '-' for standard output"))
    .addOption(everywhere('--quiet', 'no progress and no sentences'));
  if (examples.length)
    command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  winnow ${name} ${example}`).join('\n')}`);
  return command;
}

/** Opens the folder, does the work, closes it again. Ends with the engine's sentence when another process has the folder and is lost. */
export async function inFolder(
  folder: string,
  options: FolderOptions,
  work: (door: Door) => Promise<void>,
): Promise<void> {
  checkJson(options, folder);
  const door = await openDoor(folder, options.workspace);
  try {
    if (door.warning) say(options, door.warning);
    const lost = new Promise<never>((_, fail) =>
      door.lost.addEventListener('abort', () => fail(door.lost.reason as Error), { once: true }),
    );
    await Promise.race([lost, insistAndWork()]);
  } finally {
    await door.close((guests) =>
      say(
        options,
        `Done. ${guests === 1 ? 'Another command works' : `${guests} other commands work`} on this folder through this one, which stays until ${guests === 1 ? 'it is' : 'they are'} done.`,
      ),
    );
  }

  async function insistAndWork() {
    if (options.backend) await insistOn(options.backend, door);
    await work(door);
  }
}

/** For commands that compute; cli.ts puts it into the environment, before an engine starts. */
export const backendOption = (): Option =>
  new Option(
    '--backend <name>',
    'what networks are trained on (default: what was chosen in the window, else the fastest there is)',
  ).choices(backendChoices);

/** Before any work is done. Another engine that has the folder open computes on what was chosen there. */
async function insistOn(wanted: BackendChoice, door: Door): Promise<void> {
  const { choice, problem } = await door.calls.engine.backend.query();
  if (choice !== wanted)
    throw new WinnowError(
      'bad-request',
      `The folder is open in another Winnow, which computes on ‘${choice}’. Choose there, or close it.`,
    );
  if (problem) throw new WinnowError('compute-failed', problem);
}

export function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('A whole number was expected.');
  return value;
}

export function atLeastOne(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('A whole number from 1 on was expected.');
  return value;
}

/** Shares of the splits out of a flag. */
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
    throw new InvalidArgumentError('Shares of train, validation and test were expected, as in 0.8,0.1,0.1.');
  }
  return { train, val, test };
}
