/**
 * Derives commands of the command line from the journal: the command for one entry of the history, and a POSIX shell script that repeats all
 * entries that are not undone, on the same folder or on a copy. The script lists the images that changed by path instead of by the
 * expression that selected them, since the expression could select others later.
 */
import { basename, dirname } from 'node:path';
import { ZodError } from 'zod';
import type { Change } from '../contract/schemas.ts';
import { WinnowError } from '../contract/errors.ts';
import { flagOf, problemsOf, problemsText } from '../contract/problems.ts';
import type { Patch } from '../contract/marks.ts';
import { ruleText } from '../contract/threshold.ts';
import type { SavedView } from '../contract/types.ts';
import { pathLine, printable, quoteWord } from '../contract/words.ts';
import {
  exportWords,
  keepBestWords,
  rankWords,
  resumeWords,
  searchWords,
  trainWords,
  viewWords,
  type Word,
} from './command-words.ts';
import { ExportTargets } from './export-targets.ts';
import { moveStep, type JournalEntry } from './journal.ts';
import { ScriptRuns } from './script-runs.ts';

type PathOf = (id: number) => string | undefined;
/** A command on the folder, and the lines for its standard input. */
export interface Command {
  name: string;
  words: Word[];
  input?: readonly string[];
}

/** A longer list of paths becomes `--from -`. */
const maxPathsShown = 5;
/** `import --from -` stores its standard input in a file in a temporary folder with this prefix. */
export const stdinPrefix = 'winnow-stdin-';

/** The command that repeats an entry, for people to read and copy. Without the program's name. */
export function commandOf(entry: JournalEntry, folder: string, pathOf: PathOf): string {
  const result = tryCommands(() => commandsOf(entry, pathOf));
  return result.problem ?? result.commands.map((command) => textOf(command, quoteWord(folder))).join(' && winnow ');
}

/** The commands, or a shell comment with the reason why there are none: an entry of an earlier version may use something that this version lacks. */
function tryCommands(make: () => Command[]): { commands: Command[]; problem: string | null } {
  try {
    return { commands: make(), problem: null };
  } catch (error) {
    return { commands: [], problem: `# cannot be repeated: ${printable(whyNot(error))}` };
  }
}

function whyNot(error: unknown): string {
  if (error instanceof WinnowError) return error.message;
  return error instanceof ZodError
    ? problemsText(problemsOf(error), (name) => `--${flagOf(name)}`)
    : 'this version of Winnow cannot read the entry.';
}

function commandsOf({ action, changes }: JournalEntry, pathOf: PathOf): Command[] {
  switch (action.do) {
    case 'edit':
      return changeCommands(
        action.change,
        action.where ? ['--where', action.where] : pathWords(changes.marks.flatMap(([id]) => pathOf(id) ?? [])),
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
      return [{ name: 'duplicates', words: ['--apart', ...pathWords(action.paths)] }];
    case 'accept-labels':
      return [{ name: 'labels', words: ['--accept', ...pathWords(action.paths)] }];
    case 'confirm-labels':
      return [{ name: 'labels', words: ['--confirm', ...pathWords(action.paths)] }];
    case 'rank':
      return [{ name: 'rank', words: rankWords(action.request, action.request.maps, action.request.masks) }];
    case 'train':
      return [{ name: 'train', words: trainWords(action.request) }];
    case 'search':
      return [
        {
          name: 'search',
          words: action.change ? resumeWords(action.run, action.change) : searchWords(action.request),
        },
      ];
    case 'describe-run':
      return describeCommands(action);
    case 'export':
      return [{ name: 'export', words: exportWords(action.request, action.request.to) }];
    case 'archive-runs':
    case 'unarchive-runs':
    case 'delete-runs':
      return [{ name: `runs ${action.do.replace('-runs', '')}`, words: [...action.runs] }];
    case 'run-threshold':
      return [
        { name: 'runs', words: ['--threshold', `${action.run}=${action.rule ? ruleText(action.rule) : 'default'}`] },
      ];
    case 'purge-runs':
      return [{ name: 'runs', words: ['--purge'] }];
    default:
      return settingCommands(action);
  }
}

/** One command for each of name, note and pin. */
function describeCommands({
  run,
  title,
  note,
  pinned,
}: Extract<JournalEntry['action'], { do: 'describe-run' }>): Command[] {
  const commands: Command[] = [];
  const add = (verb: string, words: Word[] = []) => commands.push({ name: `runs ${verb}`, words: [run, ...words] });
  if (title !== undefined) add('rename', textWords(title));
  if (note !== undefined) add('note', textWords(note));
  if (pinned !== undefined) add(pinned ? 'pin' : 'unpin');
  return commands;
}

/** `--` so that a text like `-x` is not parsed as an option. */
const textWords = (text: string | null): Word[] =>
  text === null ? ['--clear'] : text.startsWith('-') ? ['--', text] : [text];

/** `-a.jpg` → `./-a.jpg`, so that it is not parsed as an option. */
const pathWord = (path: string) => (path.startsWith('-') ? `./${path}` : path);
const pathWords = (paths: readonly string[]): Word[] =>
  paths.length && paths.length <= maxPathsShown ? paths.map(pathWord) : ['--from', '-'];
/** One command for each part of a change. `selection`: the arguments that select the images. */
function changeCommands(
  change: Change,
  selection: readonly Word[],
  where?: string,
  input?: readonly string[],
): Command[] {
  const commands: Command[] = [];
  const add = (name: string, words: Word[]) => commands.push({ name, words: [...selection, ...words], input });
  const { decision, reason, addTags = [], removeTags = [], label, note } = change;
  if (decision === null) add('decide', ['--clear']);
  else if (decision !== undefined || reason !== undefined) {
    // `--where` sets the expression as the reason.
    const needsReason = reason !== undefined && !(decision && where && reason === where);
    add('decide', [...(decision ? [`--${decision}`] : []), ...(needsReason ? ['--reason', reason ?? ''] : [])]);
  }
  if (addTags.length || removeTags.length)
    add('tag', [...addTags.flatMap((tag) => ['--add', tag]), ...removeTags.flatMap((tag) => ['--remove', tag])]);
  if (label !== undefined) add('label', label === null ? ['--clear'] : ['--as', label]);
  if (note !== undefined) add('note', note === null ? ['--clear'] : ['--text', note]);
  return commands;
}

type SettingAction = Extract<
  JournalEntry['action'],
  { do: 'threshold' | 'classes' | 'view' | 'remove-view' | 'unreadable' }
>;
function settingCommands(action: SettingAction): Command[] {
  switch (action.do) {
    case 'threshold':
      return [{ name: 'checks', words: ['--threshold', `${action.check}=${action.threshold ?? 'default'}`] }];
    case 'classes':
      return [{ name: 'scan', words: ['--classes', action.by] }];
    case 'view':
      return [{ name: 'views', words: viewWords(action.view) }];
    case 'remove-view':
      return [{ name: 'views', words: ['--remove', action.name] }];
    default:
      throw new WinnowError('failed', 'this version of Winnow cannot read the entry.');
  }
}

export const textOf = ({ name, words }: Command, folder: string) =>
  [name, folder, ...words.map((word) => (typeof word === 'string' ? quoteWord(word) : word.shell))].join(' ');

// --- the script ---

/**
 * A POSIX shell script that repeats all entries except undone edits, on the same or a copied folder, with the same decisions and byte-identical
 * exports. If `entries` include undo and redo, each export gets the edits that were in effect when it was made. What this version
 * cannot repeat becomes a comment. `inconsistent`: paths of images whose marks differ from what the journal wrote.
 */
export function scriptOf(
  entries: readonly JournalEntry[],
  folder: string,
  pathOf: PathOf,
  inconsistent: readonly string[] = [],
): string {
  const lines = [headOf(folder)];
  const hasUndoEntries = entries.some(({ kind }) => kind === 'undo' || kind === 'redo');
  const targets = new ExportTargets(entries);
  const runs = new ScriptRuns();
  const stack: JournalEntry[] = [];
  const undone: JournalEntry[] = [];
  /** The edits that are in effect at this line of the script. `steps`: how many commands, and so undo steps, each one takes. */
  let written: { edit: JournalEntry; steps: number }[] = [];

  const inEffect = () => stack.filter((edit) => !edit.undone);
  const write = (title: string, make: () => Command[]): number => {
    const { commands, problem } = tryCommands(make);
    if (commands.length || problem)
      lines.push('', `# ${printable(title)}`, ...(problem ? [problem] : []), ...commands.map(scriptLine));
    return commands.length;
  };
  const writeRun = (title: string, name: string, run: string, make: () => Command) => {
    if (!write(title, () => [make()])) return;
    const id = runs.add(name, run);
    if (id !== run) lines.push(`# Here ${run} becomes ${id}: runs before it were not finished.`);
  };
  /** Appends commands so that exactly these edits are in effect; undoes what the script has done beyond them. */
  const bringTo = (edits: readonly JournalEntry[]) => {
    let common = 0;
    while (common < edits.length && written[common]?.edit === edits[common]) common++;
    const steps = written.slice(common).reduce((sum, one) => sum + one.steps, 0);
    if (steps)
      write(
        `undo: ${written
          .slice(common)
          .map(({ edit }) => edit.title)
          .reverse()
          .join('; ')}`,
        () => [{ name: 'undo', words: ['--steps', String(steps)] }],
      );
    written = written.slice(0, common);
    for (const edit of edits.slice(common)) {
      written.push({ edit, steps: write(edit.title, () => editCommands(edit, pathOf, runs)) });
    }
  };

  for (const entry of entries) {
    if (entry.kind === 'undo') moveStep(entry.target, stack, undone);
    else if (entry.kind === 'redo') moveStep(entry.target, undone, stack);
    else if (entry.kind === 'edit') stack.push(entry);
    else if (entry.action.do === 'rank') {
      bringTo(inEffect());
      const { request, run } = entry.action;
      writeRun(entry.title, request.method, run, () => ({
        name: 'rank',
        words: rankWords(
          { ...request, resume: true },
          request.maps && targets.word(request.maps),
          request.masks && targets.word(request.masks),
        ),
      }));
    } else if (entry.action.do === 'train') {
      bringTo(inEffect());
      const { request, run } = entry.action;
      writeRun(entry.title, request.model, run, () => ({
        name: 'train',
        words: trainWords({ ...request, resume: true }),
      }));
    } else if (entry.action.do === 'search') {
      bringTo(inEffect());
      const { request, run, best, change } = entry.action;
      if (change) write(entry.title, () => [{ name: 'search', words: resumeWords(runs.idsOf([run])[0], change) }]);
      else writeRun(entry.title, 'search', run, () => ({ name: 'search', words: searchWords(request) }));
      if (best) runs.add(best.slice(0, best.lastIndexOf('-')), best); // the run that the search makes of its best trial
    } else if (entry.action.do === 'export') {
      if (targets.isReplaced(entry)) continue;
      bringTo(hasUndoEntries ? stack : inEffect());
      const { request } = entry.action;
      if (request.place === 'move') lines.push('', '# This moves originals to the system’s trash.');
      write(entry.title, () => {
        const drop = request.drop && runs.rename(request.drop);
        return [{ name: 'export', words: exportWords({ ...request, drop }, targets.word(request.to)) }];
      });
    } else if (entry.action.do !== 'purge-runs') {
      bringTo(inEffect());
      write(entry.title, () => commandsOf(entry, pathOf));
    }
  }
  bringTo(inEffect());
  if (inconsistent.length) {
    lines.push(
      '',
      '# The marks of these images differ from what the steps above set. Check them before you rely on this script:',
    );
    for (const path of inconsistent) lines.push(`#   ${pathLine(path)}`);
  }
  return `${lines.join('\n')}\n`;
}

const headOf = (folder: string) => `#!/bin/sh
# Repeats what was done with Winnow in ${printable(folder)}: the same decisions, the same exports.
#   sh replay.sh [FOLDER] [FOLDER-FOR-EXPORTS]
# FOLDER: that folder or a copy of it. FOLDER-FOR-EXPORTS: where exports are written; without it, each is written to its original place.
# Run it on a folder without decisions. The variable WINNOW is the command that starts the program, for example WINNOW='npm start --silent --'.
set -e
WINNOW="\${WINNOW:-winnow}"
FOLDER=\${1-}
[ -n "$FOLDER" ] || FOLDER=${quoteWord(folder)}
EXPORTS=\${2-}
# Prints $1, or $2 inside the folder for exports.
target() { if [ -n "$EXPORTS" ]; then printf '%s/%s' "$EXPORTS" "$2"; else printf '%s' "$1"; fi; }

$WINNOW scan "$FOLDER"`;

/** The commands that repeat an edit on exactly the images that it changed. Missing files are skipped. */
function editCommands(edit: JournalEntry, pathOf: PathOf, runs: ScriptRuns): Command[] {
  const { action, changes } = edit;
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
      // Each image may have got different marks.
      return rows.length ? [{ name: 'import', words: skip, input: rows.map(rowLine) }] : [];
    case 'apart':
      return [{ name: 'duplicates', words: ['--apart', ...skip], input: action.paths.map(pathLine) }];
    case 'confirm-labels':
      return [{ name: 'labels', words: ['--confirm', ...skip], input: action.paths.map(pathLine) }];
    case 'archive-runs':
    case 'unarchive-runs':
    case 'delete-runs':
      return commandsOf({ ...edit, action: { ...action, runs: runs.idsOf(action.runs) } }, pathOf);
    case 'describe-run':
      return commandsOf({ ...edit, action: { ...action, run: runs.idsOf([action.run])[0] } }, pathOf);
    case 'run-threshold':
      return commandsOf({ ...edit, action: { ...action, run: runs.idsOf([action.run])[0] } }, pathOf);
    case 'view':
      return settingCommands({ do: 'view', view: runs.renameInView(action.view) });
    case 'remove-view':
      for (const [, removed] of changes.settings) runs.renameInView(removed as SavedView); // throws if the script could not save it
      return settingCommands(action);
    case 'rank':
    case 'train':
    case 'search':
    case 'export':
    case 'purge-runs':
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
