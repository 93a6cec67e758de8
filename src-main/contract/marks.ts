/** Applies a change to a sample's marks. The engine writes the result; the page shows it before the engine has answered. */
import type { Change } from './schemas.ts';
import type { Marks } from './types.ts';

export type Patch = Partial<Marks>;

/** A reason belongs to a decision: without a decision there is no reason. */
export function patchOf(marks: Marks, { decision, reason, addTags, removeTags, label, note }: Change): Patch {
  const patch: Patch = {};
  if (decision !== undefined) {
    patch.decision = decision;
    // Repeating the same decision keeps its reason.
    if (decision === null) patch.reason = null;
    else if (reason !== undefined || decision !== marks.decision) patch.reason = reason ?? null;
  } else if (reason !== undefined && marks.decision !== null) patch.reason = reason;
  if (addTags || removeTags)
    patch.tags = [...new Set([...marks.tags.filter((tag) => !removeTags?.includes(tag)), ...(addTags ?? [])])].sort();
  if (label !== undefined) patch.label = label;
  if (note !== undefined) patch.note = note;
  return patch;
}
