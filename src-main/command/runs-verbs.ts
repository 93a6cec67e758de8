/** `runs archive|unarchive|delete|rename|note|pin|unpin FOLDER RUN…`: changes to runs, each a step that `undo` takes back. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import type { Edited } from '../contract/types.ts';
import type { Client } from '../door/client.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { writeRunsJson } from './runs-output.ts';

type Runs = Client['calls']['runs'];

/** Verbs on any number of runs. */
const listVerbs: Record<string, { description: string; change(runs: Runs, ids: string[]): Promise<Edited> }> = {
  archive: {
    description: 'hide runs from lists',
    change: (runs, ids) => runs.archive.mutate({ ids }),
  },
  unarchive: {
    description: 'list archived runs again',
    change: (runs, ids) => runs.unarchive.mutate({ ids }),
  },
  delete: {
    description: 'delete runs with their columns; can be undone for 30 days',
    change: (runs, ids) => runs.delete.mutate({ ids }),
  },
};

/** Verbs on one run. `text`: the name of its argument, if it takes one. */
const runVerbs: Record<
  string,
  {
    description: string;
    text?: string;
    change(runs: Runs, id: string, text: string | null): Promise<Edited>;
  }
> = {
  rename: {
    description: 'give a run a name; its id stays',
    text: 'name',
    change: (runs, id, title) => runs.describe.mutate({ id, title }),
  },
  note: {
    description: 'add a note to a run',
    text: 'text',
    change: (runs, id, note) => runs.describe.mutate({ id, note }),
  },
  pin: {
    description: 'list a run before the others',
    change: (runs, id) => runs.describe.mutate({ id, pinned: true }),
  },
  unpin: {
    description: 'list a run in its place again',
    change: (runs, id) => runs.describe.mutate({ id, pinned: false }),
  },
};

const verbsHeading = 'Changes:';

/** `runs` and the program must have positional options, so that options after a verb are the verb's. */
export function addRunVerbs(runs: Command) {
  for (const [verb, { description, change }] of Object.entries(listVerbs))
    folderCommand(runs, 'train', verb, `${description}; undo with \`undo\``)
      .helpGroup(verbsHeading)
      .argument('<run...>', 'ids of runs')
      .action((folder: string, ids: string[], options: FolderOptions) =>
        inFolder(folder, options, async (client) => report(client, options, await change(client.calls.runs, ids))),
      );
  for (const [verb, { description, text, change }] of Object.entries(runVerbs)) {
    const command = folderCommand(runs, 'train', verb, `${description}; undo with \`undo\``)
      .helpGroup(verbsHeading)
      .argument('<run>', 'its id');
    if (text)
      command.argument(`[${text}]`, 'quoted; after -- if it starts with a hyphen').option('--clear', 'remove it');
    command.action((folder: string, id: string, ...rest: unknown[]) => {
      const options = rest.at(-2) as FolderOptions & { clear?: boolean };
      const given = text ? (rest[0] as string | undefined) : undefined;
      if (text && (given === undefined) !== (options.clear === true))
        throw new WinnowError('bad-request', `Give a ${text}, or --clear to remove it.`);
      return inFolder(folder, options, async (client) =>
        report(client, options, await change(client.calls.runs, id, given ?? null)),
      );
    });
  }
}

async function report(client: Client, options: FolderOptions, { changed, title }: Edited): Promise<void> {
  say(options, changed ? `Done: ${title}.` : 'Nothing changed.');
  await writeRunsJson(client, options, changed);
}
