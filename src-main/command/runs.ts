/** `runs FOLDER`: lists the runs of the folder with their results and costs, compares two of them, and keeps thresholds. Its verbs are in `runs-verbs.ts`. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { parseRule, type RuleChoice } from '../contract/threshold.ts';
import { mebibytes, plural } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { compareRuns } from './runs-compare.ts';
import { costOf, csvPath, lineOf, listRuns, writeRunsCsv, writeRunsJson } from './runs-output.ts';
import { addRunVerbs } from './runs-verbs.ts';

/** Options of earlier versions, still accepted in scripts. The verbs do the same. */
const earlier = ['archive', 'unarchive', 'delete'] as const;
interface RunsOptions extends FolderOptions, Partial<Record<(typeof earlier)[number], string[]>> {
  all?: boolean;
  compare?: string[];
  csv?: string;
  purge?: boolean;
  threshold?: { id: string; rule: RuleChoice | null }[];
}

export function addRunsCommand(program: Command) {
  const command = folderCommand(
    program,
    'train',
    'runs',
    'list rankings, trainings and searches with settings, results and costs; compare, rename, archive or delete them',
    [
      'photos',
      'photos --json runs.json --csv runs.csv',
      'photos --compare cnn-1 cnn-2',
      "rename photos cnn-2 'larger images'",
      'archive photos conv-ae-1 conv-ae-2',
      'delete photos cnn-3 && winnow undo photos',
      'photos --threshold pca-1=percentile:99',
    ],
  )
    .enablePositionalOptions()
    .option('--all', 'list archived runs too')
    .addOption(
      new Option(
        '--compare <run...>',
        'compare two classifiers, or two rankings, on the same images: what differs, and whether by more than chance',
      ).conflicts(['csv', 'threshold', 'purge', ...earlier]),
    )
    .option('--csv <file>', "write a table of the listed runs, with all settings; '-' for standard output")
    .option(
      '--threshold <id=rule...>',
      'keep a rule for the threshold of a ranking, as for `rank --threshold`, or `default`; undo with `undo`',
      parseThreshold,
    )
    .addOption(
      new Option('--purge', 'free the disk space of deleted runs now; this cannot be undone').conflicts([...earlier]),
    );
  for (const verb of earlier) command.addOption(new Option(`--${verb} <run...>`).hideHelp());
  command.action((folder: string, options: RunsOptions) => {
    if (options.csv && options.csv !== '-') csvPath(options.csv, folder); // before any change
    if (options.csv === '-' && options.json === '-')
      throw new WinnowError('bad-request', 'Write only one of --csv and --json to standard output.');
    return inFolder(folder, options, (client) => runsCommand(client, options));
  });
  addRunVerbs(command);
}

function parseThreshold(
  text: string,
  before: NonNullable<RunsOptions['threshold']> = [],
): NonNullable<RunsOptions['threshold']> {
  const [, id, given] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (id === undefined)
    throw new InvalidArgumentError('Expected a ranking and a rule, for example pca-1=percentile:99 or pca-1=default.');
  const rule = given === 'default' ? null : parseRule(given);
  if (typeof rule === 'string') throw new InvalidArgumentError(rule);
  return [...before, { id, rule }];
}

async function runsCommand(client: Client, options: RunsOptions): Promise<void> {
  if (options.compare) return compareRuns(client, options, options.compare);
  const wanted = earlier.filter((verb) => options[verb]);
  if (wanted.length > 1) throw new WinnowError('bad-request', `Use only one of --${wanted.join(', --')}.`);
  let changes = 0;
  const report = ({ changed, title }: { changed: number; title: string }) => {
    changes += changed;
    say(options, changed ? `Done: ${title}.` : 'Nothing changed.');
  };
  for (const verb of wanted) report(await client.calls.runs[verb].mutate({ ids: options[verb] as string[] }));
  for (const request of options.threshold ?? []) report(await client.calls.runs.setThreshold.mutate(request));
  if (options.purge) {
    const { runs, bytes } = await client.calls.runs.purge.mutate();
    say(options, `${plural(runs.length, 'run')} removed, ${mebibytes(bytes)} of files freed.`);
  }
  const runs = await listRuns(client, options.all);
  await writeRunsJson(client, options, changes);
  if (options.csv) await writeRunsCsv(client, options.csv, runs);
  const isChange = wanted.length || options.threshold || options.purge;
  if (options.quiet || options.json === '-' || options.csv === '-' || isChange) return;
  if (!runs.length) process.stderr.write('No model has been trained on this folder yet.\n');
  for (const run of [...runs].sort((a, b) => Number(b.pinned) - Number(a.pinned)))
    process.stdout.write(`${lineOf(run)}\n`);
  if (runs.length) say(options, costOf(runs));
}
