/** Turns a request to change marks into a journal step: the selected samples, their new marks, and the step's title. */
import { WinnowError } from '../contract/errors.ts';
import { globMatcher, isGlob } from '../contract/glob.ts';
import { predicateOf, type ReadSource } from '../contract/read.ts';
import { PathIndex } from '../contract/same-name.ts';
import type { Change, Choice } from '../contract/schemas.ts';
import type { Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';

/** Ids of the selected samples. Throws WinnowError if a path matches no image or the expression is invalid. */
export function selectSamples(choice: Choice, samples: () => readonly Sample[], source: () => ReadSource): number[] {
  if ('ids' in choice) return choice.ids;
  const all = samples();
  if ('where' in choice) return all.filter(predicateOf(choice.where, source())).map(({ id }) => id);
  const byPath = new PathIndex(all);
  const chosen = new Set<number>();
  for (const wanted of choice.paths) {
    const found = idsOf(wanted.replace(/^\.\//, ''), all, byPath);
    if (!found.length)
      throw new WinnowError('no-samples', `No image of this folder is ‘${wanted}’. Paths are relative to the folder.`);
    for (const id of found) chosen.add(id);
  }
  return [...chosen];
}

/** An exact path wins over a glob: a file name may contain `*`. */
function idsOf(wanted: string, samples: readonly Sample[], byPath: PathIndex<Sample>): number[] {
  const exact = byPath.all(wanted);
  if (exact.length) return exact.map(({ id }) => id);
  if (!isGlob(wanted)) return [];
  const matches = globMatcher(wanted);
  return samples.filter(({ path }) => matches(path)).map(({ id }) => id);
}

/** Without another reason, the expression that selected the images becomes the reason for the decision. */
export const withReason = (change: Change, where: string | undefined): Change =>
  change.decision && change.reason === undefined && where ? { ...change, reason: where } : change;

/** `reject 12 images`, `add tag ‘x’ to a.jpg`. `what`: the images, as from `describeImages`. */
export function titleOf({ decision, reason, addTags, removeTags, label, note }: Change, what: string): string {
  const parts: string[] = [];
  const quoted = (tags: readonly string[]) => tags.map((tag) => `‘${tag}’`).join(', ');
  if (decision === null) parts.push(`clear the decision of ${what}`);
  else if (decision !== undefined) parts.push(decision === 'unsure' ? `mark ${what} as unsure` : `${decision} ${what}`);
  else if (reason !== undefined) parts.push(`change the reason of ${what}`);
  if (addTags?.length) parts.push(`add tag ${quoted(addTags)} to ${what}`);
  if (removeTags?.length) parts.push(`remove tag ${quoted(removeTags)} from ${what}`);
  if (label !== undefined) parts.push(label === null ? `remove the label of ${what}` : `label ${what} as ‘${label}’`);
  if (note !== undefined) parts.push(note === null ? `remove the note of ${what}` : `add a note to ${what}`);
  return parts.join(', ');
}

/** For titles: the path of a single image, else `12 images`. */
export const describeImages = (ids: readonly number[], pathOf: (id: number) => string | undefined): string =>
  (ids.length === 1 && pathOf(ids[0])) || plural(ids.length, 'image');
