/** `runs FOLDER`: lists the runs of the folder, newest first, with their results; archives and deletes runs. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { parseRule, ruleText, type RuleChoice } from '../contract/threshold.ts';
import type { RunSummary } from '../contract/types.ts';
import { mebibytes, plural } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say, writeJson } from './output.ts';

const verbs = ['archive', 'unarchive', 'delete'] as const;
interface RunsOptions extends FolderOptions, Partial<Record<(typeof verbs)[number], string[]>> {
  all?: boolean;
  purge?: boolean;
  threshold?: { id: string; rule: RuleChoice | null }[];
}

export function addRunsCommand(program: Command) {
  folderCommand(
    program,
    'train',
    'runs',
    'list rankings and trainings with settings, curves and results; archive or delete them; keep thresholds',
    [
      'photos',
      'photos --json runs.json',
      'photos --archive conv-ae-1 conv-ae-2',
      'photos --threshold pca-1=percentile:99',
      'photos --delete cnn-3 && winnow undo photos',
    ],
  )
    .option('--all', 'list archived runs too')
    .option('--archive <id...>', 'hide these runs from lists; undo with `undo`')
    .option('--unarchive <id...>', 'list these runs again')
    .option('--delete <id...>', 'delete these runs with their columns; can be undone for 30 days')
    .option(
      '--threshold <id=rule...>',
      'keep a rule for the threshold of a ranking, as for `rank --threshold`, or `default`; undo with `undo`',
      parseThreshold,
    )
    .addOption(
      new Option('--purge', 'free the disk space of deleted runs now; this cannot be undone').conflicts([...verbs]),
    )
    .action((folder: string, options: RunsOptions) =>
      inFolder(folder, options, (client) => runsCommand(client, options)),
    );
}

function parseThreshold(
  text: string,
  earlier: NonNullable<RunsOptions['threshold']> = [],
): NonNullable<RunsOptions['threshold']> {
  const [, id, given] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (id === undefined)
    throw new InvalidArgumentError('Expected a ranking and a rule, for example pca-1=percentile:99 or pca-1=default.');
  const rule = given === 'default' ? null : parseRule(given);
  if (typeof rule === 'string') throw new InvalidArgumentError(rule);
  return [...earlier, { id, rule }];
}

async function runsCommand(client: Client, options: RunsOptions): Promise<void> {
  const wanted = verbs.filter((verb) => options[verb]);
  if (wanted.length > 1) throw new WinnowError('bad-request', `Use only one of --${wanted.join(', --')}.`);
  for (const verb of wanted) {
    const { changed, title } = await client.calls.runs[verb].mutate({ ids: options[verb] as string[] });
    say(options, changed ? `Done: ${title}.` : 'Nothing changed.');
  }
  for (const request of options.threshold ?? []) {
    const { changed, title } = await client.calls.runs.setThreshold.mutate(request);
    say(options, changed ? `Done: ${title}.` : 'Nothing changed.');
  }
  if (options.purge) {
    const { runs, bytes } = await client.calls.runs.purge.mutate();
    say(options, `${plural(runs.length, 'run')} removed, ${mebibytes(bytes)} of files freed.`);
  }
  const runs = (await client.calls.runs.list.query()).filter(({ archived }) => options.all || !archived);
  if (options.json)
    writeJson(options, {
      schema: 'winnow/runs@1',
      folder: client.folder,
      runs: await Promise.all(
        runs.map(async ({ id, rule }) => ({ ...(await client.calls.runs.get.query({ id })), rule })),
      ),
    });
  if (options.quiet || options.json === '-' || wanted.length || options.threshold || options.purge) return;
  if (!runs.length) process.stderr.write('No model has been trained on this folder yet.\n');
  for (const run of runs) process.stdout.write(`${lineOf(run)}\n`);
}

function lineOf({ id, kind, state, createdAt, trained, seed, headline, archived, rule }: RunSummary): string {
  const value =
    headline === null
      ? ''
      : headline.name === 'accuracy'
        ? `accuracy ${headline.value.toFixed(3)}`
        : `rate ${headline.value.toPrecision(2)}`;
  const startedAt = new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ');
  return `${id.padEnd(24)}  ${kind.padEnd(10)}  ${state.padEnd(11)}  ${startedAt}  ${String(trained).padStart(7)} images  seed ${seed}  ${value}${rule ? `  threshold ${ruleText(rule)}` : ''}${archived ? '  archived' : ''}`;
}
