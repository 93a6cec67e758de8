/** The arguments of commands that repeat a request, without the folder. */
import { searchSchema, type SearchChangeRequest, type SearchRequest } from '../contract/search-schemas.ts';
import {
  rankSchema,
  trainSchema,
  type ExportRequest,
  type KeepBest,
  type RankRequest,
  type TrainRequest,
} from '../contract/schemas.ts';
import { flagOf } from '../contract/problems.ts';
import { ruleText } from '../contract/threshold.ts';
import type { SavedView } from '../contract/types.ts';
import { checkRank, checkTrain } from './check-request.ts';
import type { Shell } from './export-targets.ts';

/** An argument of a command: text, which gets quoted, or shell code. */
export type Word = string | Shell;

/** The value of `--train-on` for all images. */
export const allImages = 'all';

/** An option, left out without a value. */
const optional = (flag: string, value: string | number | null | undefined): Word[] =>
  value === null || value === undefined ? [] : [flag, String(value)];

export const viewWords = ({ name, where, order }: SavedView): Word[] => [
  '--save',
  name,
  ...optional('--where', where),
  '--order',
  `${order.descending ? '-' : ''}${order.by}`,
];

export const keepBestWords = ({ kinds, rule, protectedFolder, groups }: KeepBest): Word[] => [
  '--kind',
  ...kinds,
  ...(groups ? ['--group', ...groups.map(String)] : []),
  '--keep-best',
  rule,
  ...optional('--protect', protectedFolder),
];

/** With all parameters, so that a later version with other defaults does the same. `masks` and thresholds are missing in entries of earlier versions. */
export function rankWords(request: RankRequest, maps: Word | null, masks: Word | null | undefined): Word[] {
  return [
    '--method',
    request.method,
    ...optional('--train-on', request.trainOn === null ? allImages : request.trainOn),
    '--seed',
    String(request.seed),
    ...parameterWords(checkRank(request).parameters),
    ...(maps ? ['--maps', maps] : []),
    ...(masks ? ['--masks', masks] : []),
    ...optional('--mask-threshold', request.maskThreshold),
    ...optional('--threshold', masks && request.rule ? ruleText(request.rule) : null),
    ...(request.resume ? [] : ['--fresh']),
  ];
}

const parameterWords = (parameters: object): Word[] =>
  Object.entries(parameters).flatMap(([name, value]) => optional(`--${flagOf(name)}`, value as string | number | null));

/** With all parameters that are not searched. `--space` takes JSON as well as a file. */
export function searchWords(stored: SearchRequest): Word[] {
  const request = searchSchema.parse(stored); // adds defaults to what an earlier version stored
  const { subject, budget, repeats } = request;
  const words =
    subject.kind === 'train'
      ? trainWords({ ...subject, seed: request.seed, resume: true })
      : rankWords({ ...rankSchema.parse({ ...subject, seed: request.seed }) }, null, null);
  return [
    ...words,
    '--strategy',
    request.strategy,
    ...optional('--settings', Object.keys(request.settings).length ? JSON.stringify(request.settings) : null),
    '--stopper',
    request.stopper,
    ...optional('--objective', request.objective),
    ...budgetWords(budget),
    '--parallel',
    String(request.parallel),
    '--repeat-best',
    String(repeats.best),
    '--repeats',
    String(repeats.times),
    '--repeat-over',
    repeats.over,
    '--disk',
    String(request.diskMiB),
    ...(request.warmStart ? [] : ['--no-warm-start']),
    ...optional('--space', request.space && JSON.stringify(request.space)),
  ];
}

/** A search that continues, with what was changed. */
export const resumeWords = (id: string, { budget, space, stopper, parallel }: SearchChangeRequest): Word[] => [
  '--resume',
  id,
  ...(budget ? budgetWords(budget) : []),
  ...optional('--stopper', stopper),
  ...optional('--parallel', parallel),
  ...optional('--space', space && JSON.stringify(space)),
];

const budgetWords = ({ trials, minutes, untilNoMore }: SearchRequest['budget']): Word[] => [
  '--trials',
  String(trials ?? 'none'),
  ...optional('--minutes', minutes),
  ...(untilNoMore ? ['--until-no-more'] : []),
];

export function trainWords(stored: TrainRequest): Word[] {
  const request = trainSchema.parse(stored); // adds defaults to what an earlier version stored
  const { by, shares, folds, seed } = request.division;
  return [
    '--model',
    request.model,
    '--mode',
    request.mode,
    '--split-by',
    by,
    '--split',
    `${shares.train},${shares.val},${shares.test}`,
    ...(folds ? ['--folds', String(folds)] : []),
    '--split-seed',
    String(seed),
    '--seed',
    String(request.seed),
    ...optional('--weights', request.weights),
    ...parameterWords(checkTrain(request).parameters),
    ...(request.resume ? [] : ['--fresh']),
  ];
}

export function exportWords(
  { format, place, drop, keptOnly, splits, seed, safeForSpreadsheets, confirmMove }: ExportRequest,
  to: Word,
): Word[] {
  return [
    '--to',
    to,
    '--format',
    format,
    '--place',
    place,
    ...(splits ? ['--split', `${splits.train},${splits.val},${splits.test}`] : []),
    '--seed',
    String(seed),
    ...(keptOnly ? ['--kept-only'] : []),
    ...optional('--drop', drop),
    ...(safeForSpreadsheets ? ['--safe-for-spreadsheets'] : []),
    ...optional('--confirm-move', confirmMove),
  ];
}
