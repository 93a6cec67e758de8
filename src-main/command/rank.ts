/** `rank FOLDER --method …`: train, score, and list from most to least anomalous. Options are generated from the schemas of the methods. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import { WinnowError } from '../contract/errors.ts';
import type { MemoryEstimate } from '../contract/machine.ts';
import { rankSchema } from '../contract/schemas.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { trainedOn } from '../jobs/rank.ts';
import { backendOption, folderCommand, inFolder, number, whole, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { addParameterFlags, parametersOf } from './parameters.ts';
import { conditionsOf, sayRun } from './run-output.ts';
import { allSamples } from './samples.ts';

interface RankOptions extends FolderOptions {
  method: string;
  trainOn?: string;
  seed: number;
  maps?: string;
  masks?: string;
  maskThreshold?: number;
  fresh?: boolean;
  top: number;
  [flag: string]: unknown;
}

export function addRankCommand(program: Command) {
  const command = folderCommand(program, 'find', 'rank', 'rank the images from most to least anomalous', [
    'photos',
    "photos --method pca --train-on 'train/good/**' --json ranks.json",
  ])
    .option('--method <id>', `method: ${scorers.map(({ id }) => id).join(', ')}`, scorers[0].id)
    .option('--train-on <glob>', "images that are known to be normal, for example 'train/good/**' (default: all)")
    .option('--seed <n>', 'the same seed on the same machine gives the same ranking', whole, 1)
    .option('--maps <dir>', 'write the error map of each image as a 16-bit PNG, in the shape of the image')
    .option(
      '--masks <dir>',
      'write the anomalous region of each image as a PNG, and all regions as COCO polygons and boxes',
    )
    .option(
      '--mask-threshold <value>',
      'value of the map above which a pixel is anomalous (default: from normal images)',
      number,
    )
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
  const scorer = scorerOf(options.method);
  if (!scorer)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${options.method}’. Available: ${scorers.map(({ id }) => id).join(', ')}.`,
    );
  const request = rankSchema.parse({
    method: options.method,
    parameters: parametersOf(options, scorer, scorers),
    trainOn: options.trainOn ?? null,
    seed: options.seed,
    resume: !options.fresh,
    maps: options.maps ? resolve(options.maps) : null,
    masks: options.masks ? resolve(options.masks) : null,
    maskThreshold: options.maskThreshold ?? null,
  });
  const memory = await client.calls.engine.estimate.query({ method: request.method, parameters: request.parameters });
  if (memory) say(options, memoryMessage(memory));
  const job = await follow(client, options, () => client.calls.workspace.rank.mutate(request));
  const run = await client.calls.runs.get.query({ id: job.runId as string });
  const scores = await client.column(run.column);
  const isTrained = trainedOn(run);
  const ranked = (await allSamples(client))
    .map((sample) => ({ path: sample.path, score: scores[sample.id] ?? NaN, trainedOn: isTrained(sample.path) }))
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
      trained: run.trained,
      train: run.history,
      report: run.report,
      notes: run.notes,
    },
  });
  sayRun(options, run, `${run.trained.toLocaleString('en')} of ${ranked.length.toLocaleString('en')} images`, issues);
  if (options.quiet || options.json === '-') return;
  for (const sample of ranked.slice(0, options.top))
    process.stdout.write(
      `${String(sample.rank).padStart(5)}  ${sample.score.toPrecision(5)}  ${printable(sample.path)}\n`,
    );
}
