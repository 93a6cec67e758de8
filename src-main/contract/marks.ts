/** What a change makes of a sample's marks: the engine writes it, the page shows it before the engine has answered. */
import type { Change } from './schemas.ts';
import type { Marks } from './types.ts';

export type Patch = Partial<Marks>;

/** A decision comes with its reason; without a decision there is none. */
export function patchOf(marks: Marks, { decision, reason, addTags, removeTags, label, note }: Change): Patch {
  const patch: Patch = {};
  if (decision !== undefined) {
    patch.decision = decision;
    // Deciding the same again is no new reason.
    if (decision === null) patch.reason = null;
    else if (reason !== undefined || decision !== marks.decision) patch.reason = reason ?? null;
  } else if (reason !== undefined && marks.decision !== null) patch.reason = reason;
  if (addTags || removeTags)
    patch.tags = [...new Set([...marks.tags.filter((tag) => !removeTags?.includes(tag)), ...(addTags ?? [])])].sort();
  if (label !== undefined) patch.label = label;
  if (note !== undefined) patch.note = note;
  return patch;
}

/** The class that the folder of an image gives; null at the top. */
export const folderClass = (path: string): string | null => path.split('/').at(-2) ?? null;
