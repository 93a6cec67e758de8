/** `export FOLDER --to DIR`: writes the images that are not rejected, in the chosen format, with a manifest. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { exportSchema, type ExportRequest } from '../contract/schemas.ts';
import { placements, type ExportPlan } from '../contract/export-types.ts';
import { mebibytes, plural, whole as count } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { formats } from '../export/index.ts';
import { folderCommand, inFolder, sharesOf, whole, type FolderOptions } from './folder-command.ts';
import { checkFolders, follow, say, writeJson } from './output.ts';

interface ExportOptions extends FolderOptions {
  to: string;
  format: string;
  place: (typeof placements)[number];
  split?: ExportRequest['splits'];
  seed: number;
  keptOnly?: boolean;
  drop?: string;
  safeForSpreadsheets?: boolean;
  dryRun?: boolean;
  confirmMove?: number;
}

export function addExportCommand(program: Command) {
  folderCommand(
    program,
    'keep',
    'export',
    'export the images that are not rejected, with a manifest; originals do not change',
    [
      'photos --to clean',
      "photos --to set --split 0.8,0.1,0.1 --drop \"duplicate = 'near' and decision != 'keep'\"",
      'photos --to list --format jsonl --place list --dry-run',
    ],
  )
    .requiredOption('--to <dir>', 'a new or empty folder outside the opened one')
    .addOption(
      new Option('--format <id>', 'output format, see below').choices(formats.map(({ id }) => id)).default('folder'),
    )
    .addOption(
      new Option(
        '--place <how>',
        'how to place files; list: only list them; move: copy and verify, then move the originals to the system’s trash',
      )
        .choices(placements)
        .default('copy'),
    )
    .option(
      '--split <shares>',
      'fractions for train, validation and test, for example 0.8,0.1,0.1; stratified by class, near duplicates together',
      sharesOf,
    )
    .option('--seed <n>', 'the same seed gives the same split', whole, 1)
    .option('--kept-only', 'only images marked keep, not undecided or unsure ones')
    .option('--drop <expression>', 'also leave out the images that match')
    .option(
      '--safe-for-spreadsheets',
      'in CSV files, put an apostrophe before text that spreadsheets would run as a formula (starting with = + - @)',
    )
    .option('--confirm-move <n>', 'with --place move: the number of originals that go to the trash, as planned', whole)
    .option('--dry-run', 'only report what would be exported')
    .addHelpText('after', `\nFormats:\n${formats.map(({ id, summary }) => `  ${id.padEnd(8)}${summary}`).join('\n')}`)
    .action((folder: string, options: ExportOptions) => {
      checkFolders({ '--to': options.to }, folder);
      return inFolder(folder, options, (client) => exportCommand(client, options));
    });
}

async function exportCommand(client: Client, options: ExportOptions): Promise<void> {
  const request = exportSchema.parse({
    to: resolve(options.to), // the engine may have another working directory
    format: options.format,
    place: options.place,
    drop: options.drop ?? null,
    keptOnly: options.keptOnly ?? false,
    splits: options.split ?? null,
    seed: options.seed,
    safeForSpreadsheets: options.safeForSpreadsheets ?? false,
    confirmMove: options.confirmMove ?? null,
  });
  const plan = await client.calls.exports.plan.query(request);
  const isMove = request.place === 'move';
  if (options.dryRun) {
    say(options, `Would export ${planSentence(plan)} to ${plan.to}. Nothing was written.`);
    tellPlan(options, plan);
    if (isMove) say(options, `To move them, add --confirm-move ${plan.copied}.`);
    writeJson(options, { schema: 'winnow/export@1', dryRun: true, ...plan, failed: [] });
    return;
  }
  if (isMove && request.confirmMove !== plan.copied) {
    throw new WinnowError(
      'bad-request',
      `This moves ${plural(plan.copied, 'original')} of ${client.folder} to the system’s trash, after copying them to ${plan.to}. To do so, run the command again with --confirm-move ${plan.copied}. Nothing was written.`,
    );
  }
  const job = await follow(client, options, () => client.calls.exports.start.mutate(request));
  const result = await client.calls.exports.result.query({ jobId: job.id });
  if (!result) throw new WinnowError('failed', 'The export ended without a result.');
  say(options, `Exported ${planSentence(result)} to ${result.to}.`);
  tellPlan(options, result);
  if (isMove) say(options, `${plural(result.trashed, 'original')} moved to the system’s trash.`);
  for (const issue of result.failed) say(options, `  not exported: ${issue.path}: ${issue.message}`);
  writeJson(options, { schema: 'winnow/export@1', dryRun: false, ...result });
  if (result.failed.length)
    throw new WinnowError(
      'failed',
      `${result.failed.length} of ${result.copied + result.failed.length} files could not be exported.`,
    );
}

function planSentence(plan: ExportPlan): string {
  const leftOut = [
    `${count(plan.rejected)} rejected`,
    ...(plan.dropped ? [`${count(plan.dropped)} dropped`] : []),
    ...(plan.unreadable ? [`${count(plan.unreadable)} unreadable`] : []),
  ];
  return `${plural(plan.copied, 'image')}, ${mebibytes(plan.bytes)} (${count(plan.kept)} kept, ${count(plan.undecided)} undecided, ${count(plan.unsure)} unsure; left out: ${leftOut.join(', ')})`;
}

function tellPlan(options: ExportOptions, { splits, renamed, warnings }: ExportPlan) {
  const parts = Object.entries(splits).map(([split, images]) => `${count(images)} ${split}`);
  if (parts.length) say(options, `Split: ${parts.join(', ')}.`);
  if (renamed) say(options, `${plural(renamed, 'file')} renamed, since two names differ only in upper and lower case.`);
  for (const warning of warnings) say(options, warning);
}
