/** `checks FOLDER`: the quality checks, their thresholds and how many images each flags. */
import { InvalidArgumentError, type Command } from 'commander';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say, writeJson } from './output.ts';

interface Threshold {
  check: string;
  threshold: number | null;
}
interface ChecksOptions extends FolderOptions {
  threshold?: Threshold[];
}

export function addChecksCommand(program: Command) {
  folderCommand(
    program,
    'find',
    'checks',
    'list the quality checks with the number of flagged images; change thresholds',
    ['photos', 'photos --threshold blurry=0.7 dark=default'],
  )
    .option('--threshold <id=value...>', 'flag scores of at least this value, 0 to 1, or `default`', parseThreshold)
    .action((folder: string, options: ChecksOptions) =>
      inFolder(folder, options, (client) => checksCommand(client, options)),
    );
}

function parseThreshold(text: string, earlier: Threshold[] = []): Threshold[] {
  const match = /^([\w-]+)=(default|\d*\.?\d+(?:e-?\d+)?)$/i.exec(text);
  const threshold = match?.[2] === 'default' ? null : Number(match?.[2]);
  if (!match || (threshold !== null && !(threshold >= 0 && threshold <= 1)))
    throw new InvalidArgumentError(
      'Expected a check and a number from 0 to 1, for example blurry=0.7 or blurry=default.',
    );
  return [...earlier, { check: match[1], threshold }];
}

async function checksCommand(client: Client, options: ChecksOptions): Promise<void> {
  for (const request of options.threshold ?? []) {
    const { changed, title } = await client.calls.checks.setThreshold.mutate(request);
    say(options, changed ? `Done: ${title}.` : 'Nothing changed.');
  }
  const [checks, findings] = await Promise.all([
    client.calls.checks.list.query(),
    client.calls.checks.findings.query(),
  ]);
  writeJson(options, { schema: 'winnow/checks@1', folder: client.folder, checks, findings });
  if (options.quiet || options.json === '-') return;
  for (const { id, flagged, threshold, defaultThreshold, summary } of checks) {
    process.stdout.write(
      `${id.padEnd(18)} ${String(flagged).padStart(7)} flagged  from ${threshold}${threshold === defaultThreshold ? '' : ` (default ${defaultThreshold})`}  ${summary}\n`,
    );
  }
  const flagged = findings.filter((finding) => finding.flagged);
  if (flagged.length)
    process.stdout.write(
      `${plural(flagged.length, 'finding')} about the set:\n${flagged.map(({ message }) => `  ${printable(message)}\n`).join('')}`,
    );
}
