/**
 * What is known about images: which are normal and which anomalous. An image's truth comes from the first source that names it: the person's tags, its mask, the
 * name of its folder. A table that the person names replaces them all. Nothing is guessed: an image that no source names is unknown.
 */
import { truthSources, type TruthSource } from '../contract/evaluation.ts';
import { folderTruth, type Verdict } from '../contract/folder-truth.ts';
import { anomalousTag, normalTag } from '../contract/train-on.ts';
import type { Sample } from '../contract/types.ts';

export interface KnownTruth {
  verdicts: ReadonlyMap<number, Verdict>;
  /** Joined by `+`, in the order of precedence; null if no image is named. */
  source: string | null;
  /** Paths of images with both tags. */
  contradictory: string[];
}

/** `hasDefect`: by sample id, whether its mask has a defect. `samples`: without the masks. */
export function truthOf(
  samples: readonly Pick<Sample, 'id' | 'path' | 'tags'>[],
  file: ReadonlyMap<number, Verdict> | null,
  hasDefect: ReadonlyMap<number, boolean>,
): KnownTruth {
  const verdicts = new Map<number, Verdict>();
  const used = new Set<TruthSource>();
  const contradictory: string[] = [];
  const byFolder = folderTruth(samples.map(({ path }) => path));
  for (const { id, path, tags } of samples) {
    const folder = byFolder(path);
    const type = folder?.type ?? null;
    const [isNormal, isAnomalous] = [tags.includes(normalTag), tags.includes(anomalousTag)];
    const put = (source: TruthSource, verdict: Verdict) => (verdicts.set(id, verdict), used.add(source));
    const mask = hasDefect.get(id);
    if (file) {
      const verdict = file.get(id);
      if (verdict) put('file', verdict.isAnomalous ? { ...verdict, type: verdict.type ?? type } : verdict);
    } else if (isNormal && isAnomalous) contradictory.push(path);
    else if (isNormal || isAnomalous) put('tags', { isAnomalous, type: isAnomalous ? type : null });
    else if (mask !== undefined) put('masks', { isAnomalous: mask, type: mask ? type : null });
    else if (folder) put('folders', folder);
  }
  const source = truthSources.filter((name) => used.has(name)).join('+') || null;
  return { verdicts, source, contradictory };
}
