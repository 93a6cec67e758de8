/** `rank FOLDER --method …`: train, score, and list from most to least anomalous. Options are generated from the schemas of the methods. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import { z } from 'zod';
import { WinnowError } from '../contract/errors.ts';
import type { MemoryEstimate } from '../contract/machine.ts';
import { rankSchema, scoreSchema } from '../contract/schemas.ts';
import type { Job, Run, Sample } from '../contract/types.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { trainedOn } from '../jobs/rank.ts';
import { laterColumn } from '../jobs/score.ts';
import { backendOption, folderCommand, inFolder, whole, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { addParameterFlags, parametersOf } from './parameters.ts';
import { conditionsOf, sayRun } from './run-output.ts';
import { allSamples } from './samples.ts';

interface RankOptions extends FolderOptions {
  method: string;
  trainOn?: string;
  seed: number;
  maps?: string;
  fresh?: boolean;
  run?: string;
  of?: string;
  ofWorkspace?: string;
  top: number;
  [flag: string]: unknown;
}

export function addRankCommand(program: Command) {
  const command = folderCommand(program, 'find', 'rank', 'rank the images from most to least anomalous', [
    'photos',
    "photos --method pca --train-on 'train/good/**' --json ranks.json",
    'photos --run pca-1',
    'tuesday --run pca-1 --of photos',
  ])
    .option('--method <id>', `method: ${scorers.map(({ id }) => id).join(', ')}`, scorers[0].id)
    .option('--train-on <glob>', "images that are known to be normal, for example 'train/good/**' (default: all)")
    .option('--seed <n>', 'the same seed on the same machine gives the same ranking', whole, 1)
    .addOption(
      new Option('--run <id>', 'score new images with a finished ranking, without training').conflicts([
        'method',
        'trainOn',
        'seed',
        'fresh',
      ]),
    )
    .option('--of <folder>', 'the folder of that ranking, if it is another one; makes a run here with all images')
    .option('--of-workspace <dir>', 'the workspace of that folder (default: in your data folder)')
    .option('--maps <dir>', 'write the error map of each image as a 16-bit PNG')
    .option('--top <n>', 'how many images to print', whole, 20)
    .option('--fresh', 'start again even if an interrupted run could be resumed')
    .addOption(backendOption());
  addParameterFlags(command, scorers);
  command.action((folder: string, options: RankOptions) =>
    inFolder(folder, options, (client) => rankCommand(client, options)),
  );
}

function memoryMessage({ parameters, perImageMiB, fixedMiB, batch, totalMiB, freeMiB }: MemoryEstimate): string {
  const count = (n: number) => Math.round(n).toLocaleString('en');
  const parts = `${count(parameters)} weights; ${perImageMiB} MiB per image of a batch, ${count(fixedMiB)} MiB for the rest`;
  return `Training takes about ${count(totalMiB)} MiB with batch size ${batch} (${parts}); ${count(freeMiB)} MiB are free${totalMiB > freeMiB ? ': training may be slow, or the system may kill it. A smaller --batch, --size or --width needs less memory' : ''}.`;
}

async function rankCommand(client: Client, options: RankOptions): Promise<void> {
  const job = options.run ? await scoreNew(client, options, options.run) : await train(client, options);
  const run = await client.calls.runs.get.query({ id: job.runId ?? (options.run as string) });
  const scores = await client.column(run.column);
  const isTrained = await trainedIn(client, run);
  const ranked = (await allSamples(client))
    .map((sample) => ({ path: sample.path, score: scores[sample.id] ?? NaN, trainedOn: isTrained(sample) }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .map((sample, i) => ({ path: sample.path, score: sample.score, rank: i + 1, trainedOn: sample.trainedOn }));
  const issues = await client.calls.samples.issues.query();
  writeJson(options, {
    schema: 'winnow/rank@1',
    folder: client.folder,
    samples: ranked,
    issues,
    run: {
      id: run.id,
      method: run.method,
      ...conditionsOf(run),
      trainOn: run.trainOn,
      origin: run.origin,
      trained: run.trained,
      train: run.history,
      report: run.report,
      notes: run.notes,
    },
  });
  if (options.run) say(options, `${job.summary}.`);
  else
    sayRun(options, run, `${run.trained.toLocaleString('en')} of ${ranked.length.toLocaleString('en')} images`, issues);
  if (options.quiet || options.json === '-') return;
  for (const sample of ranked.slice(0, options.top))
    process.stdout.write(
      `${String(sample.rank).padStart(5)}  ${sample.score.toPrecision(5)}  ${printable(sample.path)}\n`,
    );
}

/** Trains as the options say, and scores. */
async function train(client: Client, options: RankOptions): Promise<Job> {
  const scorer = scorerOf(options.method);
  if (!scorer)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${options.method}’. Available: ${scorers.map(({ id }) => id).join(', ')}.`,
    );
  if (options.of) throw new WinnowError('bad-request', '--of names the folder of a ranking: give --run too.');
  const request = rankSchema.parse({
    method: options.method,
    parameters: parametersOf(options, scorer, scorers),
    trainOn: options.trainOn ?? null,
    seed: options.seed,
    resume: !options.fresh,
    maps: options.maps ? resolve(options.maps) : null,
  });
  const memory = await client.calls.engine.estimate.query({ method: request.method, parameters: request.parameters });
  if (memory) say(options, memoryMessage(memory));
  return follow(client, options, () => client.calls.workspace.rank.mutate(request));
}

/** Scores with a finished ranking. */
function scoreNew(client: Client, options: RankOptions, runId: string): Promise<Job> {
  parametersOf(options, { id: '--run', schema: z.object({}) }, scorers); // throws if there are any
  const { of, ofWorkspace, maps } = options;
  const request = scoreSchema.parse({
    runId,
    of: of ? { folder: resolve(of), ...(ofWorkspace && { workspace: resolve(ofWorkspace) }) } : null,
    maps: maps ? resolve(maps) : null,
  });
  return follow(client, options, () => client.calls.workspace.score.mutate(request));
}

/** Returns a function that tests whether an image was in the training of a run. */
async function trainedIn(client: Client, run: Run): Promise<(sample: Sample) => boolean> {
  if (run.origin) return () => false;
  const matches = trainedOn(run);
  const name = laterColumn(run);
  const columns = await client.calls.samples.columns.query();
  const later = columns.some((column) => column.name === name) ? await client.column(name) : new Float64Array();
  return ({ id, path }) => matches(path) && Number.isNaN(later[id] ?? NaN);
}
