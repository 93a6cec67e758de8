/** `search FOLDER --model …|--method …`: searches hyperparameters. The parameters that are not searched are options, generated from the schemas. */
import { existsSync, readFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { z } from 'zod';
import { scorerOf, scorers } from '../compute/anomaly/index.ts';
import { strategies } from '../compute/search/index.ts';
import { stoppers } from '../compute/search/stoppers.ts';
import { WinnowError } from '../contract/errors.ts';
import { flagOf, problemsOf, problemsText } from '../contract/problems.ts';
import {
  searchChangeSchema,
  searchSchema,
  spaceSchema,
  type SearchRequest,
  type SearchSubject,
} from '../contract/search-schemas.ts';
import type { Importance, SearchState, Trial } from '../contract/search.ts';
import { pointText, valueText } from '../contract/space.ts';
import { printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { allImages } from '../workspace/command-words.ts';
import { classifierOptions, classifierRequest, variants, type ClassifierOptions } from './classifier-options.ts';
import {
  atLeastOne,
  backendOption,
  folderCommand,
  inFolder,
  number,
  whole,
  type FolderOptions,
} from './folder-command.ts';
import { duration, follow, say, writeJson } from './output.ts';
import { addParameterFlags, parametersOf } from './parameters.ts';

interface SearchOptions extends FolderOptions, ClassifierOptions {
  method?: string;
  trainOn?: string;
  space?: SearchRequest['space'];
  strategy: string;
  settings?: Record<string, unknown>;
  stopper: string;
  objective?: string;
  trials?: number | 'none';
  minutes?: number;
  untilNoMore?: boolean;
  parallel?: number;
  repeatBest: number;
  repeats: number;
  repeatOver: 'seeds' | 'folds';
  disk: number;
  warmStart: boolean;
  resume?: string;
}

/** Options of a search that can be changed when it is resumed. */
const changeable = ['space', 'stopper', 'parallel', 'trials', 'minutes', 'untilNoMore'] as const;

const allowedWithResume = new Set<string>([...changeable, 'resume', 'json', 'quiet', 'workspace', 'backend']);

export function addSearchCommand(program: Command) {
  const command = classifierOptions(
    folderCommand(
      program,
      'train',
      'search',
      'search the parameters of a classifier or scorer by many short trainings',
      [
        'photos --model cnn --epochs 10 --trials 30',
        "photos --method conv-ae --train-on 'train/good/**' --strategy random --minutes 60",
        `photos --model cnn --space '{"learningRate": {"type": "float", "low": 0.0001, "high": 0.01, "log": true}}'`,
        'photos --resume search-1 --trials 60',
      ],
    ),
  )
    .option('--method <id>', `search a scorer instead of a classifier: ${scorers.map(({ id }) => id).join(', ')}`)
    .option('--train-on <glob>', 'with --method: the normal images, as for `rank`')
    .option(
      '--space <file>',
      'parameters with their ranges: a JSON file, or JSON (default: the usual ones of the method)',
      spaceOf,
    )
    .addOption(
      new Option('--strategy <id>', `what proposes the trials: ${strategies.map(({ id }) => id).join(', ')}`).default(
        'bayesian',
      ),
    )
    .option('--settings <json>', 'settings of the strategy', jsonOf)
    .addOption(
      new Option('--stopper <id>', `what ends bad trials early: ${stoppers.map(({ id }) => id).join(', ')}`).default(
        'median',
      ),
    )
    .option(
      '--objective <id>',
      'what is maximised or minimised, for example accuracy, loss, auroc (default: the first that the folder allows)',
    )
    .option('--trials <n>', 'end after so many trials; none for no limit (default: 30)', trialsOf)
    .option('--minutes <m>', 'end after so many minutes', number)
    .option('--until-no-more', 'end when the surrogate expects no more improvement')
    .option('--parallel <k>', 'trials at once, as far as cores and memory allow (default: 1)', atLeastOne)
    .option(
      '--repeat-best <n>',
      'train the best n trials and the defaults again with other seeds or folds; 0 to leave that out',
      whole,
      2,
    )
    .option('--repeats <n>', 'how often', whole, 3)
    .addOption(
      new Option('--repeat-over <what>', 'with other seeds, or as cross-validation')
        .choices(['seeds', 'folds'])
        .default('seeds'),
    )
    .option('--disk <MiB>', 'limit for the checkpoints of trials', number, 2048)
    .option('--no-warm-start', 'do not learn from earlier searches and runs of the same images')
    .option('--resume <id>', 'continue this search; --trials, --minutes, --space, --stopper and --parallel change it')
    .option('--seed <n>', 'the same seed on the same machine gives the same search', whole, 1)
    .addOption(backendOption());
  addParameterFlags(command, [...variants, ...scorers]);
  command.action((folder: string, options: SearchOptions, self: Command) =>
    inFolder(folder, options, (client) => searchCommand(client, options, self)),
  );
}

function jsonOf(text: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    throw new InvalidArgumentError('Expected a JSON object.');
  }
}

function spaceOf(text: string): SearchRequest['space'] {
  const isText = text.trimStart().startsWith('{');
  if (!isText && !existsSync(text)) throw new InvalidArgumentError(`There is no file ${text}.`);
  let json: unknown;
  try {
    json = JSON.parse(isText ? text : readFileSync(text, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message}`);
  }
  const space = spaceSchema.safeParse(json);
  if (!space.success)
    throw new InvalidArgumentError(`\n${problemsText(problemsOf(space.error), (name) => `‘${name}’`)}`);
  return space.data;
}

const trialsOf = (text: string): number | 'none' => (text === 'none' ? text : atLeastOne(text));

const limitOf = (trials: number | 'none' | undefined): number | null => (typeof trials === 'number' ? trials : null);

async function searchCommand(client: Client, options: SearchOptions, self: Command): Promise<void> {
  const job = await follow(client, options, async () =>
    options.resume === undefined
      ? client.calls.search.start.mutate(await requestOf(options))
      : resume(client, options, self),
  );
  const id = job.runId as string;
  const run = await client.calls.runs.get.query({ id });
  const state = run.search as SearchState;
  const trials = await client.calls.search.trials.query({ id });
  const importance = await client.calls.search.importance.query({ id }).catch((): Importance[] => []);
  writeJson(options, {
    schema: 'winnow/search@1',
    folder: client.folder,
    search: {
      id,
      strategy: state.request.strategy,
      objective: state.objective,
      space: state.request.space,
      request: state.request,
      seconds: run.seconds,
      ended: state.ended,
      verdict: state.verdict,
      changes: state.changes,
      notes: run.notes,
    },
    trials,
    best: state.best === null ? null : { trial: state.best, run: state.bestRun },
    importance,
  });
  for (const note of run.notes) say(options, note);
  if (options.quiet || options.json === '-') return;
  process.stdout.write(`${trials.map((trial) => lineOf(trial, state)).join('\n')}\n`);
  if (state.best !== null)
    process.stdout.write(
      `Best: trial ${state.best}, ${state.objective.title.toLowerCase()} ${valueText(state.bestValue)}, kept as ${state.bestRun}. ${state.ended ?? ''}\n`,
    );
  if (state.verdict) process.stdout.write(`${state.verdict.message}\n`);
  const known = importance.filter(({ share }) => share > 0);
  if (known.length)
    process.stdout.write(
      `Importance: ${known.map(({ parameter, share, low, high }) => `${parameter} ${percent(share)} (${percent(low)}–${percent(high)})`).join(', ')}\n`,
    );
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** Throws WinnowError. */
async function requestOf(options: SearchOptions): Promise<SearchRequest> {
  return searchSchema.parse({
    subject: await subjectOf(options),
    space: options.space ?? null,
    strategy: options.strategy,
    settings: options.settings ?? {},
    stopper: options.stopper,
    objective: options.objective ?? null,
    budget: {
      trials:
        options.trials === undefined
          ? options.minutes === undefined && !options.untilNoMore
            ? 30
            : null
          : limitOf(options.trials),
      minutes: options.minutes ?? null,
      untilNoMore: options.untilNoMore ?? false,
    },
    parallel: options.parallel ?? 1,
    repeats: { best: options.repeatBest, times: options.repeats, over: options.repeatOver },
    diskMiB: options.disk,
    warmStart: options.warmStart,
    seed: options.seed,
  });
}

async function subjectOf(options: SearchOptions): Promise<SearchSubject> {
  const { method, trainOn } = options;
  if (method === undefined) return { kind: 'train', ...(await classifierRequest(options)) };
  if (options.model !== undefined) throw new WinnowError('bad-request', 'Use --model or --method, not both.');
  const record = scorerOf(method);
  if (!record)
    throw new WinnowError(
      'bad-request',
      `There is no method ‘${method}’. Available: ${scorers.map(({ id }) => id).join(', ')}.`,
    );
  return {
    kind: 'rank',
    method,
    parameters: parametersOf(options, record, [...variants, ...scorers]),
    trainOn: trainOn === allImages ? null : trainOn,
  };
}

/** With the changes that were given on the command line. */
async function resume(client: Client, options: SearchOptions, self: Command) {
  const id = options.resume as string;
  const others = self.options
    .map((option) => option.attributeName())
    .filter((name) => self.getOptionValueSource(name) === 'cli' && !allowedWithResume.has(name));
  if (others.length)
    throw new WinnowError(
      'bad-request',
      `--resume continues with what the search was started with: ${others.map((name) => `--${flagOf(name)}`).join(', ')} cannot be changed.`,
    );
  const given = changeable.filter((name) => self.getOptionValueSource(name) === 'cli');
  const { search } = await client.calls.runs.get.query({ id });
  if (!search) throw new WinnowError('no-run', `${id} is not a search.`);
  const { budget } = search.request;
  const isBudget = given.some((name) => name === 'trials' || name === 'minutes' || name === 'untilNoMore');
  const change = searchChangeSchema.parse({
    ...(given.includes('space') && { space: options.space }),
    ...(given.includes('stopper') && { stopper: options.stopper }),
    ...(given.includes('parallel') && { parallel: options.parallel }),
    ...(isBudget && {
      budget: {
        trials: given.includes('trials') ? limitOf(options.trials) : budget.trials,
        minutes: given.includes('minutes') ? options.minutes : budget.minutes,
        untilNoMore: options.untilNoMore ?? budget.untilNoMore,
      },
    }),
  });
  return client.calls.search.resume.mutate({ id, change });
}

function lineOf(trial: Trial, { best }: SearchState): string {
  const { number, value, low, high, state, epochs, seconds, parameters, repeats, reason } = trial;
  const interval = low === null || high === null ? '' : ` (${valueText(low)}–${valueText(high)})`;
  const figure = value === null ? '' : `${valueText(value)}${interval}`;
  return `${number === best ? '*' : ' '} ${String(number).padStart(4)}  ${state.padEnd(11)}  ${figure.padEnd(24)}  ${String(epochs ?? '').padStart(4)} epochs  ${duration(seconds).padStart(7)}  ${repeats === null ? '' : `repeats ${repeats}: `}${pointText(parameters)}${reason ? `  ${printable(reason)}` : ''}`;
}
