/** `rank FOLDER --method …`: train, score, and list from most to least anomalous. Options are generated from the schemas of the methods. */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { z } from 'zod';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import { WinnowError } from '../contract/errors.ts';
import type { MemoryEstimate } from '../contract/machine.ts';
import { laterColumn } from '../contract/evidence.ts';
import { rankSchema, scoreSchema } from '../contract/schemas.ts';
import { stabilityOf, unmeasuredText } from '../contract/stability.ts';
import { thresholdRules } from '../contract/threshold-rules.ts';
import { movedRule, parseRule, promiseText, type RuleChoice, type Threshold } from '../contract/threshold.ts';
import { fewestTagged, taggedNormal, trainedOn, trainOnText } from '../contract/train-on.ts';
import { plural, printable, whole as counted } from '../contract/words.ts';
import type { ColumnValues } from '../contract/read.ts';
import type { Job, Run, Sample } from '../contract/types.ts';
import type { Client } from '../door/client.ts';
import { allImages } from '../workspace/command-words.ts';
import { backendOption, folderCommand, inFolder, number, whole, type FolderOptions } from './folder-command.ts';
import { checkFolders, follow, say, writeJson } from './output.ts';
import { addParameterFlags, parametersOf } from './parameters.ts';
import { conditionsOf, sayRun } from './run-output.ts';
import { allSamples } from './samples.ts';

interface RankOptions extends FolderOptions {
  method: string;
  trainOn?: string;
  threshold?: RuleChoice;
  seed: number;
  maps?: string;
  masks?: string;
  maskThreshold?: number;
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
    .option(
      '--train-on <glob>',
      `images that are known to be normal, for example 'train/good/**', ‘${taggedNormal}’ for those tagged so, or ‘${allImages}’ (default: what was given last for this folder, else folders named good, ok or normal, else images tagged normal if they are ${fewestTagged} or more, else all)`,
    )
    .option(
      '--threshold <rule[:value]>',
      `what to flag: ${thresholdRules.map(({ id, value }) => (value ? `${id}:${value.default}` : id)).join(', ')}, ${movedRule}:VALUE (default: what ‘runs --threshold’ or the window keeps for the ranking; else the first of percentile, robust and share that the images permit)`,
      ruleOption,
    )
    .option('--seed <n>', 'the same seed on the same machine gives the same ranking', whole, 1)
    .addOption(
      new Option(
        '--run <id>',
        'score new images with the saved detector of a finished ranking, without training',
      ).conflicts(['method', 'trainOn', 'seed', 'fresh']),
    )
    .option('--of <folder>', 'the folder of that ranking, if it is another one; makes a run here with all images')
    .option('--of-workspace <dir>', 'the workspace of that folder (default: in your data folder)')
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
  command.action((folder: string, options: RankOptions) => {
    checkFolders({ '--maps': options.maps, '--masks': options.masks }, folder);
    return inFolder(folder, options, (client) => rankCommand(client, options));
  });
}

/** The parser of `--threshold`. */
export function ruleOption(text: string): RuleChoice {
  const choice = parseRule(text);
  if (typeof choice === 'string') throw new InvalidArgumentError(choice);
  return choice;
}

function memoryMessage({ parameters, perImageMiB, fixedMiB, batch, totalMiB, freeMiB }: MemoryEstimate): string {
  const count = (n: number) => Math.round(n).toLocaleString('en');
  const parts = `${count(parameters)} weights; ${perImageMiB} MiB per image of a batch, ${count(fixedMiB)} MiB for the rest`;
  return `Training takes about ${count(totalMiB)} MiB with batch size ${batch} (${parts}); ${count(freeMiB)} MiB are free${totalMiB > freeMiB ? ': training may be slow, or the system may kill it. A smaller --batch, --size or --width needs less memory' : ''}.`;
}

async function rankCommand(client: Client, options: RankOptions): Promise<void> {
  const job = options.run ? await scoreNew(client, options, options.run) : await train(client, options);
  const run = await client.calls.runs.get.query({ id: job.runId ?? (options.run as string) });
  const [scores, later, threshold] = await Promise.all([
    client.column(run.column),
    scoredLater(client, run),
    client.calls.runs.threshold.query({ id: run.id, rule: options.threshold ?? null }),
  ]);
  const isLater = ({ id }: Pick<Sample, 'id'>) => !Number.isNaN(later[id] ?? NaN);
  const isTrained = trainedOn(run);
  const samples = await allSamples(client);
  const ranked = samples
    .map(({ id, path }) => ({ path, score: scores[id] ?? NaN, trainedOn: isTrained(path) && !isLater({ id }) }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .map(({ path, score, trainedOn }, i) => ({
      path,
      score,
      rank: i + 1,
      trainedOn,
      flagged: threshold.score === null ? null : score >= threshold.score,
    }));
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
      trainOnBy: run.trainOnBy,
      origin: run.origin,
      trained: run.trained,
      train: run.history,
      threshold,
      report: run.report,
      notes: run.notes,
    },
  });
  if (options.run) say(options, `${job.summary}.`);
  else {
    sayRun(options, run, `${counted(run.trained)} of ${counted(ranked.length)} images`, issues);
    const trainOn = trainOnText({ glob: run.trainOn, by: run.trainOnBy }, run.trained);
    say(options, `Train on: ${trainOn}.${anotherChoice(run)}`);
    const stability = stabilityOf(run);
    say(
      options,
      stability
        ? `${stability.label}. ${stability.explanation}`
        : unmeasuredText(run, 'Use --stability 2; each fit takes at most the time of the ranking.'),
    );
  }
  say(options, thresholdMessage(threshold, ranked.length));
  if (options.quiet || options.json === '-') return;
  for (const sample of ranked.slice(0, options.top))
    process.stdout.write(
      `${String(sample.rank).padStart(5)}  ${sample.score.toPrecision(5)}  ${printable(sample.path)}\n`,
    );
}

/** How to choose otherwise, where nobody chose. */
const anotherChoice = ({ trainOn, trainOnBy }: Pick<Run, 'trainOn' | 'trainOnBy'>): string => {
  if (trainOnBy === 'given') return '';
  return trainOn === null
    ? ' Use --train-on GLOB to name those known to be normal.'
    : ` Use --train-on ${allImages} to train on all images.`;
};

function thresholdMessage({ rule, value, score, flagged, promise, reason }: Threshold, count: number): string {
  const name = value === null ? rule : `${rule}:${value}`;
  if (score === null) return `No threshold by ${name}: ${reason}`;
  const of = `Flagged ${counted(flagged ?? 0)} of ${plural(count, 'image')}, from ${score.toPrecision(5)} on (${name}).`;
  return `${of} ${promise ? `${promiseText(promise)}, judged by ${plural(promise.normals, 'image')}.` : reason}`;
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
    trainOn: options.trainOn === allImages ? null : options.trainOn,
    seed: options.seed,
    resume: !options.fresh,
    ...filesOf(options),
  });
  const memory = await client.calls.engine.estimate.query({ method: request.method, parameters: request.parameters });
  if (memory) say(options, memoryMessage(memory));
  return follow(client, options, () => client.calls.workspace.rank.mutate(request));
}

const filesOf = ({ maps, masks, maskThreshold, threshold }: RankOptions) => ({
  maps: maps ? resolve(maps) : null,
  masks: masks ? resolve(masks) : null,
  maskThreshold: maskThreshold ?? null,
  rule: threshold ?? null,
});

/** Scores with a finished ranking. */
function scoreNew(client: Client, options: RankOptions, runId: string): Promise<Job> {
  parametersOf(options, { id: '--run', schema: z.object({}) }, scorers); // throws if there are any
  const { of, ofWorkspace } = options;
  const request = scoreSchema.parse({
    runId,
    of: of ? { folder: resolve(of), ...(ofWorkspace && { workspace: resolve(ofWorkspace) }) } : null,
    ...filesOf(options),
  });
  return follow(client, options, () => client.calls.workspace.score.mutate(request));
}

/** The column of images that were scored after the training; empty if there are none. */
async function scoredLater(client: Client, run: Run): Promise<ColumnValues> {
  const name = laterColumn(run);
  const columns = await client.calls.samples.columns.query();
  return columns.some((column) => column.name === name) ? client.column(name) : new Float64Array();
}
