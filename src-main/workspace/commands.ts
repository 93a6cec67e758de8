/**
 * What was done, as the command line would say it: one command for a line of the history, and all that stands as a POSIX shell script that does it again
 * on the same folder or a copy. The script names exactly the images that changed, so that it needs no expression to choose the same ones again.
 */
import { basename, dirname, join } from 'node:path';
import { z, ZodError } from 'zod';
import {
  trainSchema,
  type Change,
  type ExportRequest,
  type KeepBest,
  type RankRequest,
  type TrainRequest,
} from '../contract/schemas.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Patch } from '../contract/marks.ts';
import type { SavedView } from '../contract/types.ts';
import { pathLine, printable, quoteWord } from '../contract/words.ts';
import { checkRank, checkTrain } from './check-request.ts';
import { move, type Record } from './journal.ts';

type PathOf = (id: number) => string | undefined;
/** A word of a command: text, which is quoted, or shell as it is. */
type Word = string | { shell: string };
/** A command on the folder, and what it reads from standard input. */
interface Command {
  name: string;
  words: Word[];
  input?: readonly string[];
}

/** More paths than this are not written on one line. */
const maxPathsShown = 5;
/** What is read from standard input is kept in a file of such a folder. */
export const stdinPrefix = 'winnow-stdin-';

/** `sizePx` is `--size`: a flag's unit stands in its help. */
export const flagOf = (name: string) =>
  name.replace(/(Px|Ms)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** What on the command line does what this record did, without the program's name; long lists of paths are shortened to `--from -`. For people to read and copy. */
export function commandOf(record: Record, folder: string, pathOf: PathOf): string {
  const result = repeat(() => commandsOf(record, pathOf));
  return result.fault ?? result.commands.map((command) => textOf(command, quoteWord(folder))).join(' && winnow ');
}

/** The commands, or a comment that says why there are none: an entry of an earlier version may ask for what this one does not have. */
function repeat(make: () => Command[]): { commands: Command[]; fault: string | null } {
  try {
    return { commands: make(), fault: null };
  } catch (error) {
    return { commands: [], fault: `# cannot be repeated: ${printable(whyNot(error))}` };
  }
}

function whyNot(error: unknown): string {
  if (error instanceof WinnowError) return error.message;
  return error instanceof ZodError ? z.prettifyError(error) : 'this version of Winnow cannot read the entry.';
}

function commandsOf({ action, changes }: Record, pathOf: PathOf): Command[] {
  switch (action.do) {
    case 'edit':
      return changeCommands(
        action.change,
        action.where ? ['--where', action.where] : wordsOf(changes.marks.flatMap(([id]) => pathOf(id) ?? [])),
        action.where,
      );
    case 'import':
      return [
        {
          name: 'import',
          words: basename(dirname(action.file)).startsWith(stdinPrefix) ? ['--from', '-'] : [action.file],
        },
      ];
    case 'keep-best':
      return [{ name: 'duplicates', words: keepBestWords(action.request) }];
    case 'apart':
      return [{ name: 'duplicates', words: ['--apart', ...wordsOf(action.paths)] }];
    case 'accept-labels':
      return [{ name: 'labels', words: ['--accept', ...wordsOf(action.paths)] }];
    case 'confirm-labels':
      return [{ name: 'labels', words: ['--confirm', ...wordsOf(action.paths)] }];
    case 'rank':
      return [{ name: 'rank', words: rankWords(action.request, action.request.maps) }];
    case 'train':
      return [{ name: 'train', words: trainWords(action.request) }];
    case 'export':
      return [{ name: 'export', words: exportWords(action.request, action.request.to) }];
    default:
      return settingCommands(action);
  }
}

/** A path that begins like an option is told from one. */
const argument = (path: string) => (path.startsWith('-') ? `./${path}` : path);
const wordsOf = (paths: readonly string[]): Word[] =>
  paths.length && paths.length <= maxPathsShown ? paths.map(argument) : ['--from', '-'];
const given = (flag: string, value: string | number | null | undefined): Word[] =>
  value === null || value === undefined ? [] : [flag, String(value)];

/** One command for each part of a change, with the words that say of which images. */
function changeCommands(change: Change, what: readonly Word[], where?: string, input?: readonly string[]): Command[] {
  const commands: Command[] = [];
  const add = (name: string, words: Word[]) => commands.push({ name, words: [...what, ...words], input });
  const { decision, reason, addTags = [], removeTags = [], label, note } = change;
  if (decision === null) add('decide', ['--clear']);
  else if (decision !== undefined || reason !== undefined) {
    // The expression that chose is the reason by itself.
    const isOwn = reason !== undefined && !(decision && where && reason === where);
    add('decide', [...(decision ? [`--${decision}`] : []), ...(isOwn ? ['--reason', reason ?? ''] : [])]);
  }
  if (addTags.length || removeTags.length)
    add('tag', [...addTags.flatMap((tag) => ['--add', tag]), ...removeTags.flatMap((tag) => ['--remove', tag])]);
  if (label !== undefined) add('label', label === null ? ['--clear'] : ['--as', label]);
  if (note !== undefined) add('note', note === null ? ['--clear'] : ['--text', note]);
  return commands;
}

type Setting = Extract<Record['action'], { do: 'threshold' | 'view' | 'remove-view' | 'unreadable' }>;
function settingCommands(action: Setting): Command[] {
  switch (action.do) {
    case 'threshold':
      return [{ name: 'checks', words: ['--threshold', `${action.check}=${action.threshold ?? 'default'}`] }];
    case 'view':
      return [{ name: 'views', words: viewWords(action.view) }];
    case 'remove-view':
      return [{ name: 'views', words: ['--remove', action.name] }];
    default:
      throw new WinnowError('failed', 'this version of Winnow cannot read the entry.');
  }
}

const viewWords = ({ name, where, order }: SavedView): Word[] => [
  '--save',
  name,
  ...given('--where', where),
  '--order',
  `${order.descending ? '-' : ''}${order.by}`,
];

const keepBestWords = ({ kinds, rule, protectedFolder, groups }: KeepBest): Word[] => [
  '--kind',
  ...kinds,
  ...(groups ? ['--group', ...groups.map(String)] : []),
  '--keep-best',
  rule,
  ...given('--protect', protectedFolder),
];

/** With all parameters, so that a later version with other defaults does the same. */
function rankWords(request: RankRequest, maps: Word | null): Word[] {
  return [
    '--method',
    request.method,
    ...given('--train-on', request.trainOn),
    '--seed',
    String(request.seed),
    ...parameterWords(checkRank(request).parameters),
    ...(maps ? ['--maps', maps] : []),
    ...(request.resume ? [] : ['--fresh']),
  ];
}

const parameterWords = (parameters: object): Word[] =>
  Object.entries(parameters).flatMap(([name, value]) => given(`--${flagOf(name)}`, value as string | number | null));

function trainWords(asked: TrainRequest): Word[] {
  const request = trainSchema.parse(asked); // of an earlier version, which knew fewer words
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
    ...given('--weights', request.weights),
    ...parameterWords(checkTrain(request).parameters),
    ...(request.resume ? [] : ['--fresh']),
  ];
}

function exportWords(
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
    ...given('--drop', drop),
    ...(safeForSpreadsheets ? ['--safe-for-spreadsheets'] : []),
    ...given('--confirm-move', confirmMove),
  ];
}

const textOf = ({ name, words }: Command, folder: string) =>
  [name, folder, ...words.map((word) => (typeof word === 'string' ? quoteWord(word) : word.shell))].join(' ');

// --- the script ---

/**
 * A POSIX shell script that does everything again that stands (undone edits are left out), on the same or a copied folder, and gives the same decisions and
 * the same bytes of exports. Where the records tell of undo and redo as well, an edit that stood when an export was made stands again for it. What this version
 * cannot repeat is a comment. `strays`: paths of images that have other marks than the records say.
 */
export function scriptOf(
  records: readonly Record[],
  folder: string,
  pathOf: PathOf,
  strays: readonly string[] = [],
): string {
  const lines = [headOf(folder)];
  const hasUndoRecords = records.some(({ kind }) => kind === 'undo' || kind === 'redo');
  const targets = new Targets(records);
  const runs = new Map<string, number>();
  const stack: Record[] = [];
  const undone: Record[] = [];
  let written: { record: Record; steps: number }[] = [];

  const standing = () => stack.filter((record) => !record.undone);
  const write = (title: string, make: () => Command[]): number => {
    const { commands, fault } = repeat(make);
    if (commands.length || fault)
      lines.push('', `# ${printable(title)}`, ...(fault ? [fault] : []), ...commands.map(scriptLine));
    return commands.length;
  };
  /** Brings what the script has done to these edits, by undo where it has done more. */
  const bringTo = (edits: readonly Record[]) => {
    let common = 0;
    while (common < edits.length && written[common]?.record === edits[common]) common++;
    const steps = written.slice(common).reduce((sum, one) => sum + one.steps, 0);
    if (steps)
      write(
        `take back: ${written
          .slice(common)
          .map(({ record }) => record.title)
          .reverse()
          .join('; ')}`,
        () => [{ name: 'undo', words: ['--steps', String(steps)] }],
      );
    written = written.slice(0, common);
    for (const record of edits.slice(common)) {
      written.push({ record, steps: write(record.title, () => editCommands(record, pathOf)) });
    }
  };

  for (const record of records) {
    if (record.kind === 'undo') move(record.target, stack, undone);
    else if (record.kind === 'redo') move(record.target, undone, stack);
    else if (record.kind === 'edit') stack.push(record);
    else if (record.action.do === 'rank') {
      bringTo(standing());
      const { request, run } = record.action;
      const number = (runs.get(request.method) ?? 0) + 1;
      runs.set(request.method, number);
      if (run !== `${request.method}-${number}`)
        lines.push('', `# Here ${run} becomes ${request.method}-${number}: runs before it were not finished.`);
      write(record.title, () => [
        { name: 'rank', words: rankWords({ ...request, resume: true }, request.maps && targets.word(request.maps)) },
      ]);
    } else if (record.action.do === 'train') {
      bringTo(standing());
      const { request } = record.action;
      write(record.title, () => [{ name: 'train', words: trainWords({ ...request, resume: true }) }]);
    } else if (record.action.do === 'export') {
      if (targets.isReplaced(record)) continue;
      bringTo(hasUndoRecords ? stack : standing());
      const { request } = record.action;
      if (request.place === 'move') lines.push('', '# Originals went to the system’s trash here, and will again.');
      write(record.title, () => [{ name: 'export', words: exportWords(request, targets.word(request.to)) }]);
    } else {
      bringTo(standing());
      write(record.title, () => commandsOf(record, pathOf));
    }
  }
  bringTo(standing());
  if (strays.length) {
    lines.push(
      '',
      '# These images have other marks in the folder than the steps above give them. Look at them before you rely on this script:',
    );
    for (const path of strays) lines.push(`#   ${pathLine(path)}`);
  }
  return `${lines.join('\n')}\n`;
}

const headOf = (folder: string) => `#!/bin/sh
# Does again what was done with Winnow to ${printable(folder)}: the same decisions, the same exports.
#   sh replay.sh [FOLDER] [FOLDER-FOR-EXPORTS]
# FOLDER: that folder or a copy of it. FOLDER-FOR-EXPORTS: where exports go; without, each goes where it went.
# Meant for a folder on which nothing was decided yet. WINNOW says how the program is started, as in WINNOW='npm start --silent --'.
set -e
WINNOW="\${WINNOW:-winnow}"
FOLDER=\${1-}
[ -n "$FOLDER" ] || FOLDER=${quoteWord(folder)}
EXPORTS=\${2-}
# Prints $1, or $2 within the folder for exports.
target() { if [ -n "$EXPORTS" ]; then printf '%s/%s' "$EXPORTS" "$2"; else printf '%s' "$1"; fi; }

$WINNOW scan "$FOLDER"`;

/** What makes an edit again, on exactly the images that it changed. A file that is gone since is passed over. */
function editCommands({ action, changes }: Record, pathOf: PathOf): Command[] {
  const skip: Word[] = ['--skip-missing', '--from', '-'];
  const rows = changes.marks.flatMap(([id, , after]) => {
    const path = pathOf(id);
    return path === undefined ? [] : [{ path, after }];
  });
  switch (action.do) {
    case 'edit':
      return rows.length
        ? changeCommands(
            action.change,
            skip,
            undefined,
            rows.map(({ path }) => pathLine(path)),
          )
        : [];
    case 'keep-best':
    case 'accept-labels':
    case 'import':
      // Each image may have got something else.
      return rows.length ? [{ name: 'import', words: skip, input: rows.map(rowLine) }] : [];
    case 'apart':
      return [{ name: 'duplicates', words: ['--apart', ...skip], input: action.paths.map(pathLine) }];
    case 'confirm-labels':
      return [{ name: 'labels', words: ['--confirm', ...skip], input: action.paths.map(pathLine) }];
    case 'rank':
    case 'train':
    case 'export':
      return [];
    default:
      return settingCommands(action);
  }
}

const rowLine = ({ path, after }: { path: string; after: Patch }) => JSON.stringify({ path, ...after });

function scriptLine(command: Command): string {
  const line = `$WINNOW ${textOf(command, '"$FOLDER"')}`;
  if (!command.input) return line;
  let end = 'END';
  while (command.input.includes(end)) end += '.';
  return `${line} <<'${end}'\n${command.input.join('\n')}\n${end}`;
}

/** Where exports and maps go. Two of one name lie beside each other in the folder for exports. */
class Targets {
  #names = new Map<string, string>();
  #last = new Map<string, Record>();

  constructor(records: readonly Record[]) {
    for (const record of records)
      if (record.kind === 'done' && record.action.do === 'export' && record.action.request.place !== 'move')
        this.#last.set(record.action.request.to, record);
  }

  /** An export whose folder was emptied by hand and filled by a later one is no more. */
  isReplaced(record: Record): boolean {
    if (record.action.do !== 'export') return false;
    const { to, place } = record.action.request;
    return place !== 'move' && this.#last.has(to) && this.#last.get(to) !== record;
  }

  word(to: string): Word {
    let name = this.#names.get(to);
    if (name === undefined) {
      const taken = new Set(this.#names.values());
      name = basename(to) || 'export';
      for (let n = 2; taken.has(name); n++) name = `${basename(to)}-${n}`;
      this.#names.set(to, name);
    }
    return { shell: `"$(target ${quoteWord(join(dirname(to), basename(to)))} ${quoteWord(name)})"` };
  }
}
