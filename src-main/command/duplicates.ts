/** `duplicates FOLDER`: lists groups of duplicates, keeps the best of each, or marks images as not duplicates. */
import { isAbsolute } from 'node:path';
import { Option, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { isCopies, rejectsOf, reviewReasons } from '../contract/keep-best.ts';
import { keepBestSchema, type KeepBest } from '../contract/schemas.ts';
import { duplicateKinds, keepRules, type DuplicateKind, type Sample } from '../contract/types.ts';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { PathIndex } from '../contract/same-name.ts';
import { choiceOf, chosenSamples, readList, withinFolder } from './choose.ts';
import { folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { say } from './output.ts';
import { describeGroups, knownSamples, writeMarks } from './samples.ts';

interface DuplicatesOptions extends FolderOptions {
  kind?: DuplicateKind[];
  group?: number[];
  apart?: string[] | true;
  from?: string;
  skipMissing?: boolean;
  keepBest?: (typeof keepRules)[number];
  protect?: string;
  dryRun?: boolean;
}

export function addDuplicatesCommand(program: Command) {
  folderCommand(
    program,
    'find',
    'duplicates',
    'list groups of duplicates; keep the best of each, or mark images as not duplicates',
    ['photos --kind exact near', 'photos --keep-best largest --protect train', 'photos --apart cats/1.jpg cats/2.jpg'],
  )
    .addOption(new Option('--kind <kind...>', 'only these kinds').choices(duplicateKinds))
    .option('--group <id...>', 'only these groups, by the ids of --json', (text: string, earlier: number[] = []) => [
      ...earlier,
      whole(text),
    ])
    .addOption(
      new Option(
        '--keep-best <rule>',
        'reject all but one of each group of copies (default kinds: exact near); groups whose images differ in class, frames, transparency, depth or a detail only if --group names them',
      ).choices(keepRules),
    )
    .option('--dry-run', 'with --keep-best: only list what it would reject')
    .option('--protect <folder>', 'with --keep-best: prefer images in this subfolder')
    .option('--apart [path...]', 'mark these images as not duplicates of each other')
    .option('--from <file>', "with --apart: paths from a file, one per line ('-': standard input)")
    .option('--skip-missing', 'with --from: skip paths that are not in the folder')
    .action(async (folder: string, options: DuplicatesOptions) => {
      if (options.keepBest && options.apart)
        throw new WinnowError('bad-request', 'Use --keep-best or --apart, not both.');
      if (options.protect !== undefined && !options.keepBest)
        throw new WinnowError('bad-request', '--protect requires --keep-best.');
      if (options.dryRun && !options.keepBest) throw new WinnowError('bad-request', '--dry-run requires --keep-best.');
      if (options.from !== undefined && !options.apart)
        throw new WinnowError('bad-request', '--from requires --apart.');
      const listed = await readList(options);
      await inFolder(folder, options, (client) => duplicatesCommand(client, listed, options));
    });
}

async function duplicatesCommand(
  client: Client,
  listed: readonly string[] | null,
  options: DuplicatesOptions,
): Promise<void> {
  const samples = await knownSamples(client);
  let changed = 0;
  if (options.keepBest) {
    const paths = new Set(samples.map(({ path }) => path));
    const protectedFolder = options.protect === undefined ? null : protectedOf(client, options.protect, paths);
    const request = keepBestSchema.parse({
      kinds: options.kind,
      rule: options.keepBest,
      protectedFolder,
      groups: options.group ?? null,
    });
    await sayKeepBest(client, samples, request, options);
    if (!options.dryRun) {
      const done = await client.calls.duplicates.keepBest.mutate(request);
      changed = done.changed;
      say(
        options,
        changed
          ? `Done: ${done.title}.`
          : 'Nothing to reject: no group of copies has two images that are not rejected.',
      );
    }
  } else if (options.apart) {
    const choice = await choiceOf(client, samples, options.apart === true ? [] : options.apart, listed, options);
    const ids = (await chosenSamples(client, samples, choice)).map(({ id }) => id);
    if (ids.length < 2 && options.skipMissing) say(options, 'Fewer than two of these images are in the folder.');
    else ({ changed } = await client.calls.duplicates.markNotDuplicates.mutate({ ids }));
    if (changed) say(options, `${plural(ids.length, 'image')} are marked as not duplicates.`);
  }
  const groups = (await describeGroups(client, samples)).filter(
    ({ id, kind }) => (!options.kind || options.kind.includes(kind)) && (!options.group || options.group.includes(id)),
  );
  await writeMarks(client, options, 'duplicates', { changed, groups });
  if (options.keepBest || options.apart) return;
  say(options, `${plural(groups.length, 'group')} of duplicates.`);
  if (options.quiet || options.json === '-') return;
  for (const group of groups) {
    const { id, kind, paths, score, crossesSplits } = group;
    const remarks = [...reviewReasons(group), ...(crossesSplits ? ['in several splits'] : [])];
    process.stdout.write(
      `${id}  ${kind}  ${score.toFixed(3)}${remarks.length ? `  (${remarks.join('; ')})` : ''}\n${paths.map((path) => `  ${printable(path)}\n`).join('')}`,
    );
  }
}

/** Says which images `--keep-best` rejects, and which groups it leaves to a person and why. */
async function sayKeepBest(
  client: Client,
  samples: readonly Sample[],
  request: KeepBest,
  options: DuplicatesOptions,
): Promise<void> {
  const byId = new Map(samples.map((sample) => [sample.id, sample]));
  const wanted = (await client.calls.duplicates.groups.query()).filter(
    ({ id, kind }) => request.kinds.includes(kind) && (request.groups?.includes(id) ?? true),
  );
  const choice = { ...request, sharpness: await client.column('sharpness') };
  const of = (groups: typeof wanted) => rejectsOf(groups, (id) => byId.get(id), choice);
  const nameOf = (id: number) => printable(byId.get(id)?.path ?? '');
  for (const [id, { kept, kind }] of of(wanted.filter((group) => request.groups !== null || isCopies(group))))
    say(options, `${nameOf(id)}: ${kind} duplicate of ${nameOf(kept)}, which is kept`);
  if (request.groups) return;
  for (const group of wanted.filter((one) => !isCopies(one) && of([one]).size))
    say(
      options,
      `Left out: group ${group.id} (${group.ids.map(nameOf).join(', ')}): ${reviewReasons(group).join('; ')}.`,
    );
}

/** A subfolder, relative to the opened folder. Throws `bad-request` if it has no images. */
function protectedOf(client: Client, folder: string, paths: ReadonlySet<string>): string {
  const given = folder.replaceAll('\\', '/').replace(/\/+$/, '');
  const folders = new Set(
    [...paths].flatMap((path) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, i, parts) => parts.slice(0, i + 1).join('/')),
    ),
  );
  const known = new PathIndex([...folders].map((path) => ({ path })));
  const subfolder = known.all(withinFolder(client, given, known))[0]?.path;
  if (subfolder === undefined)
    throw new WinnowError(
      'bad-request',
      `No image of this folder is in ‘${folder}’.${isAbsolute(folder) ? '' : ' Name a subfolder.'}`,
    );
  return subfolder;
}
