/** `decide`, `undo`, `redo`: the window's P, X, U and Ctrl-Z for scripts. */
import { WinnowError } from '../contract/errors.ts';
import { decisions, type Decision } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import type { Door } from '../door/client.ts';
import { say, writeJson, type OutputOptions } from './output.ts';
import { allSamples } from './scan.ts';

export interface DecideOptions extends OutputOptions {
  keep?: boolean;
  reject?: boolean;
  unsure?: boolean;
  clear?: boolean;
}

export async function decideCommand(door: Door, what: string[], options: DecideOptions): Promise<void> {
  const asked = [...decisions, 'clear' as const].filter((decision) => options[decision]);
  if (asked.length !== 1) throw new WinnowError('bad-request', 'Say one of --keep, --reject, --unsure, --clear.');
  const decision = asked[0] === 'clear' ? null : (asked[0] as Decision);
  const samples = await allSamples(door);
  if (!samples.length) throw new WinnowError('no-samples', 'No image is known of this folder yet. `scan` it first.');
  const { changed } = await door.calls.decisions.decide.mutate({ choice: choiceOf(what, new Set(samples.map((sample) => sample.path))), decision });
  say(options, `${plural(changed, 'image')} changed.`);
  await tellDecisions(door, options, 'decide', { changed });
}

/** One argument that is neither a path nor a glob but has an operator is an expression. */
function choiceOf(what: string[], paths: ReadonlySet<string>) {
  const [only] = what;
  const isExpression = what.length === 1 && !paths.has(only) && (/[<>=]/.test(only) || /\slike\s/.test(only));
  return isExpression ? { where: only } : { paths: what };
}

export async function undoCommand(door: Door, which: 'undo' | 'redo', options: OutputOptions): Promise<void> {
  const { changed, title, journal } = await door.calls.decisions[which].mutate();
  say(options, `${which === 'undo' ? 'Undone' : 'Done again'}: ${title}.`);
  await tellDecisions(door, options, which, { changed, title, journal });
}

async function tellDecisions(door: Door, options: OutputOptions, command: string, more: object) {
  if (!options.json) return;
  const samples = await allSamples(door);
  writeJson(options, {
    schema: `winnow/${command}@1`, folder: door.folder, ...more,
    samples: samples.map(({ path, decision }) => ({ path, decision })), issues: await door.calls.samples.issues.query(),
  });
}
