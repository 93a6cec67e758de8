/** The sample that is shown after a change, before the engine has confirmed it. */
import { patchOf } from '../../src-main/contract/marks.ts';
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Sample } from '../../src-main/contract/types.ts';

export function withChange(sample: Sample, change: Change): Sample {
  const patch = patchOf(sample, change);
  if (patch.label === undefined) return { ...sample, ...patch };
  return { ...sample, ...patch, class: patch.label ?? sample.folderClass };
}
