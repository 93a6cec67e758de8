/** `decide`, `tag`, `label`, `note`: marks of images; each command is one step that can be undone. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import type { Change } from '../contract/schemas.ts';
import { decisions, type Decision, type Marks } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { patchOf } from '../contract/marks.ts';
import { withReason } from '../workspace/edits.ts';
import { addChoice, choiceOf, chosenSamples, readList, type ChoiceOptions } from './choose.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { knownSamples, writeMarks } from './samples.ts';

interface MarkOptions extends FolderOptions, ChoiceOptions {
  dryRun?: boolean;
  clear?: boolean;
}
interface DecideOptions extends MarkOptions {
  keep?: boolean;
  reject?: boolean;
  unsure?: boolean;
  reason?: string;
}
interface TagOptions extends MarkOptions {
  add?: string[];
  remove?: string[];
}
interface LabelOptions extends MarkOptions {
  as?: string;
}
interface NoteOptions extends MarkOptions {
  text?: string;
}

export function addMarkCommands(program: Command) {
  const add = <Options extends MarkOptions>(
    name: string,
    description: string,
    examples: string[],
    changeOf: (options: Options) => Change,
  ) =>
    addChoice(folderCommand(program, 'decide', name, description, examples))
      .option('--dry-run', 'only report what would change')
      .action(async (folder: string, what: string[], options: Options) => {
        const change = changeOf(options); // reports wrong options before the folder is opened
        const listed = await readList(options);
        await inFolder(folder, options, (client) => markCommand(client, name, { what, listed }, change, options));
      });

  add<DecideOptions>(
    'decide',
    'keep, reject or mark images as unsure, by path, glob or expression such as "conv-ae.error > 0.02"',
    [
      "photos 'test/**' --reject",
      "photos \"blurry > 0.8 and not decision = 'keep'\" --reject --reason 'out of focus'",
      'photos --from list.txt --keep',
    ],
    decideChange,
  )
    .option('--keep', 'mark as keep')
    .option('--reject', 'reject: leave out of exports')
    .option('--unsure', 'mark as unsure')
    .option('--clear', 'remove the decision')
    .option(
      '--reason <text>',
      "reason (default: the expression; '' for none). Without a decision: changes the reason of existing decisions",
    );
  add<TagOptions>(
    'tag',
    'add or remove tags',
    ["photos 'test/**' --add holiday 'to check'", "photos --where \"tag = 'to check'\" --remove 'to check'"],
    tagChange,
  )
    .option('--add <tag...>', 'tags to add')
    .option('--remove <tag...>', 'tags to remove');
  add<LabelOptions>(
    'label',
    'set the class of images; without a label the class is the name of the subfolder',
    ['photos cats/17.jpg --as dog', "photos --view 'mislabelled' --clear"],
    labelChange,
  )
    .option('--as <class>', 'the class')
    .option('--clear', 'remove the label');
  add<NoteOptions>(
    'note',
    'add a note to images',
    ["photos cats/17.jpg --text 'ask Anna'", "photos 'cats/**' --clear"],
    noteChange,
  )
    .option('--text <text>', 'the note')
    .option('--clear', 'remove the note');
}

function decideChange(options: DecideOptions): Change {
  const requested = [...decisions, 'clear' as const].filter((decision) => options[decision]);
  if (requested.length > 1 || (!requested.length && options.reason === undefined))
    throw new WinnowError('bad-request', 'Use exactly one of --keep, --reject, --unsure, --clear.');
  const reason = options.reason === undefined ? {} : { reason: options.reason || null };
  if (!requested.length) return reason;
  return { decision: requested[0] === 'clear' ? null : (requested[0] as Decision), ...reason };
}

function tagChange({ add, remove }: TagOptions): Change {
  if (!add && !remove) throw new WinnowError('bad-request', 'Use --add or --remove with the tags.');
  return { addTags: add, removeTags: remove };
}

function labelChange({ as, clear }: LabelOptions): Change {
  if ((as === undefined) === !clear) throw new WinnowError('bad-request', 'Use --as with the class, or --clear.');
  return { label: as ?? null };
}

function noteChange({ text, clear }: NoteOptions): Change {
  if ((text === undefined) === !clear) throw new WinnowError('bad-request', 'Use --text with the note, or --clear.');
  return { note: text ?? null };
}

async function markCommand(
  client: Client,
  name: string,
  { what, listed }: { what: readonly string[]; listed: readonly string[] | null },
  change: Change,
  options: MarkOptions,
): Promise<void> {
  const samples = await knownSamples(client);
  const choice = await choiceOf(client, samples, what, listed, options);
  if (options.dryRun) {
    const complete = withReason(change, 'where' in choice ? choice.where : undefined);
    const paths = (await chosenSamples(client, samples, choice))
      .filter((sample) => differs(sample, patchOf(sample, complete)))
      .map(({ path }) => path);
    say(options, `Would change ${plural(paths.length, 'image')}. Nothing was written.`);
    for (const path of paths.slice(0, 20)) say(options, `  ${path}`);
    if (paths.length > 20) say(options, `  … and ${paths.length - 20} more`);
    return writeMarks(client, options, name, { dryRun: true, changed: paths.length, paths });
  }
  const isNothing = 'ids' in choice && choice.ids.length === 0; // an empty list is not an error
  const { changed } = isNothing ? { changed: 0 } : await client.calls.journal.edit.mutate({ choice, change });
  say(options, `${plural(changed, 'image')} changed.`);
  await writeMarks(client, options, name, { dryRun: false, changed });
}

const differs = (marks: Marks, patch: Partial<Marks>) =>
  (Object.keys(patch) as (keyof Marks)[]).some((key) => JSON.stringify(marks[key]) !== JSON.stringify(patch[key]));
