/** `labels FOLDER`: finds label errors, and accepts or rejects the suggested classes. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { labelsSchema } from '../contract/schemas.ts';
import type { LabelQueue } from '../contract/classifier.ts';
import type { Run } from '../contract/types.ts';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { choiceOf, chosenSamples, readList } from './choose.ts';
import { atLeastOne, backendOption, folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { allSamples, knownSamples, writeMarks } from './samples.ts';

/** More classes that cannot be judged are only counted. */
const listedClasses = 8;

interface LabelsOptions extends FolderOptions {
  run?: string;
  folds: number;
  repeats: number;
  seed: number;
  accept?: string[] | true;
  confirm?: string[] | true;
  all?: boolean;
  from?: string;
  skipMissing?: boolean;
}

export function addLabelsCommand(program: Command) {
  folderCommand(
    program,
    'train',
    'labels',
    'find label errors; accept the suggested classes, or confirm the present ones',
    [
      'photos --json labels.json',
      'photos --run resnet-2',
      'photos --accept dress/17.jpg skirt/4.jpg',
      'photos --confirm dress/18.jpg',
    ],
  )
    .option('--run <id>', 'use the out-of-fold predictions of this classifier (default: heads on embeddings)')
    .option('--folds <k>', 'folds: each image is predicted by heads trained on the other folds', whole, 5)
    .option('--repeats <n>', 'number of repetitions with different folds; results are averaged', atLeastOne, 3)
    .option('--seed <n>', 'the same seed on the same machine gives the same result', whole, 1)
    .option('--accept [path...]', 'give these images the suggested class')
    .option('--confirm [path...]', 'confirm the present class of these images')
    .option('--all', 'with --accept or --confirm: all suspected images')
    .option('--from <file>', "with --accept or --confirm: paths from a file, one per line ('-': standard input)")
    .option('--skip-missing', 'with --from: skip paths that are not in the folder or not suspected')
    .addOption(backendOption())
    .action(async (folder: string, options: LabelsOptions) => {
      if (options.accept && options.confirm)
        throw new WinnowError('bad-request', 'Use --accept or --confirm, not both.');
      if ((options.from !== undefined || options.all) && !options.accept && !options.confirm)
        throw new WinnowError('bad-request', 'Use --all and --from only with --accept or --confirm.');
      const listed = await readList(options);
      await inFolder(folder, options, (client) =>
        options.accept || options.confirm ? resolveSuspects(client, listed, options) : findLabelErrors(client, options),
      );
    });
}

async function findLabelErrors(client: Client, options: LabelsOptions): Promise<void> {
  const request = labelsSchema.parse({
    runId: options.run ?? null,
    folds: options.folds,
    repeats: options.repeats,
    seed: options.seed,
  });
  const job = await follow(client, options, () => client.calls.labels.find.mutate(request));
  const run = await client.calls.runs.get.query({ id: job.runId as string });
  const queue = await client.calls.labels.queue.query();
  const samples = await describeLabels(client, run, queue);
  const issues = await client.calls.samples.issues.query();
  writeJson(options, {
    schema: 'winnow/labels@1',
    folder: client.folder,
    samples,
    unjudged: (queue?.unjudged ?? []).map(({ class: name, ids, reason }) => ({
      class: name,
      images: ids.length,
      reason,
    })),
    issues,
    run: {
      id: run.id,
      method: run.method,
      seed: run.seed,
      seconds: run.seconds,
      parameters: run.parameters,
      report: run.report,
    },
  });
  say(options, `${job.summary}.`);
  for (const line of unjudgedLines(queue)) say(options, line);
  if (options.quiet || options.json === '-') return;
  for (const { path, given, suggested, quality } of samples.filter(({ flagged }) => flagged))
    process.stdout.write(
      `${quality!.toFixed(3)}  ${printable(given)} → ${printable(suggested!)}  ${printable(path)}\n`,
    );
}

/** Why images cannot be judged: one line for each of the first classes. */
function unjudgedLines(queue: LabelQueue | null): string[] {
  const all = queue?.unjudged ?? [];
  const more = all.slice(listedClasses);
  return [
    ...all.slice(0, listedClasses).map(({ reason }) => `  Not judged: ${reason}`),
    ...(more.length
      ? [
          `  Not judged: ${plural(
            more.reduce((sum, { ids }) => sum + ids.length, 0),
            'image',
          )} of ${more.length} more classes (see --json).`,
        ]
      : []),
  ];
}

/**
 * One entry per labelled image, lowest label quality first. Labels that a person has confirmed are not flagged. Labels that cannot be judged come last, with the
 * reason and without quality and suggestion.
 */
async function describeLabels(client: Client, run: Run, queue: LabelQueue | null) {
  const columns = new Map((await client.calls.samples.columns.query()).map((column) => [column.name, column]));
  const read = async (name: string) => ({
    values: await client.column(`${run.id}.${name}`),
    names: columns.get(`${run.id}.${name}`)?.categories ?? [],
  });
  const [quality, given, suggested] = await Promise.all(['quality', 'given', 'suggested'].map(read));
  const waiting = new Set(queue?.suspects.map(({ sampleId }) => sampleId));
  const reasons = new Map(queue?.unjudged.flatMap(({ ids, reason }) => ids.map((id) => [id, reason] as const)));
  return (await allSamples(client))
    .filter(({ id }) => !Number.isNaN(quality.values[id] ?? NaN) || reasons.has(id))
    .map(({ id, path, class: present }) => ({
      path,
      given: given.names[given.values[id]] ?? (present as string),
      suggested: suggested.names[suggested.values[id]] ?? null,
      quality: Number.isNaN(quality.values[id]) ? null : quality.values[id],
      flagged: waiting.has(id),
      unjudged: reasons.get(id) ?? null,
    }))
    .sort((a, b) => (a.quality ?? 2) - (b.quality ?? 2));
}

async function resolveSuspects(
  client: Client,
  listed: readonly string[] | null,
  options: LabelsOptions,
): Promise<void> {
  const samples = await knownSamples(client);
  const queue = await client.calls.labels.queue.query();
  if (!queue)
    throw new WinnowError(
      'no-run',
      'This folder has no list of label errors yet. Run `labels` without --accept and --confirm first.',
    );
  const waiting = new Set(queue.suspects.map(({ sampleId }) => sampleId));
  const what = options.accept ?? options.confirm;
  let ids = [...waiting];
  if (!options.all) {
    const choice = await choiceOf(client, samples, what === true || what === undefined ? [] : what, listed, options);
    ids = (await chosenSamples(client, samples, choice)).map(({ id }) => id);
    const unlisted = ids.filter((id) => !waiting.has(id));
    const paths = new Map(samples.map(({ id, path }) => [id, path]));
    if (unlisted.length && !options.skipMissing) {
      const unjudged = queue.unjudged.find(({ ids }) => ids.includes(unlisted[0]));
      throw new WinnowError(
        'bad-request',
        `${paths.get(unlisted[0])} is not in the list of label errors.` +
          (unjudged ? ` It could not be judged: ${unjudged.reason} Set its class with \`label\`.` : ''),
      );
    }
    ids = ids.filter((id) => waiting.has(id));
  }
  const done = ids.length
    ? await (options.accept ? client.calls.labels.accept : client.calls.labels.confirm).mutate({ ids })
    : null;
  say(
    options,
    done
      ? `Done: ${done.title}. ${plural(waiting.size - ids.length, 'label error')} left.`
      : 'No label errors are left.',
  );
  if (options.all) for (const line of unjudgedLines(queue)) say(options, line);
  await writeMarks(client, options, 'labels-settled', { changed: done?.changed ?? 0, left: waiting.size - ids.length });
}
