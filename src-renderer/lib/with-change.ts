/** A sample as it is shown once something was said of it, before the engine has answered. */
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Sample } from '../../src-main/contract/types.ts';

/** As the engine will have it; the reason and the order of tags come from there. */
export function withChange(sample: Sample, { decision, reason, addTags, removeTags, label, note }: Change): Sample {
  const tags =
    addTags || removeTags
      ? [...new Set([...sample.tags.filter((tag) => !removeTags?.includes(tag)), ...(addTags ?? [])])].sort()
      : sample.tags;
  return {
    ...sample,
    tags,
    ...(decision !== undefined ? { decision, reason: decision === null ? null : (reason ?? null) } : {}),
    ...(label !== undefined ? { label, class: label ?? sample.path.split('/').at(-2) ?? null } : {}),
    ...(note !== undefined ? { note } : {}),
  };
}
