/**
 * What is known about images: which are normal and which anomalous. An image's truth comes from the first source that names it: the person's tags, its mask, the
 * name of its folder. A table that the person names replaces them all. Nothing is guessed: an image that no source names is unknown.
 */
import { truthSources, type TruthSource } from '../contract/evaluation.ts';
import type { Sample } from '../contract/types.ts';
import type { Verdict } from './truth-file.ts';

export interface KnownTruth {
  verdicts: ReadonlyMap<number, Verdict>;
  /** Joined by `+`, in the order of precedence; null if no image is named. */
  source: string | null;
  /** Paths of images with both tags. */
  contradictory: string[];
}

/** Tags that state the truth. */
export const truthTags = { normal: 'normal', anomalous: 'anomalous' } as const;

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
    const [isNormal, isAnomalous] = [tags.includes(truthTags.normal), tags.includes(truthTags.anomalous)];
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

const normalNames = /^(good|ok|normal)$/i;
/** Folders that divide a set but are no class. */
const structureNames =
  /^(train|training|test|testing|val|valid|validation|ground_truth|masks?|images|unlabell?ed|unknown)$/i;

/**
 * The truth by the names of folders, as in MVTec AD. `good`, `ok` and `normal` are normal; a folder beside them is a kind of defect. A folder in `test` is one too if
 * the normal images are in `train` beside it. Null if the folders do not say.
 */
export function folderTruth(paths: readonly string[]): (path: string) => Verdict | null {
  /** Folders that contain a folder of normal images; '' is the opened one. */
  const hasNormal = new Set<string>();
  for (const path of paths) {
    const folders = path.split('/').slice(0, -1);
    folders.forEach((name, i) => normalNames.test(name) && hasNormal.add(folders.slice(0, i).join('/')));
  }
  const isDefect = (folders: readonly string[], i: number): boolean => {
    if (structureNames.test(folders[i])) return false;
    const parent = folders.slice(0, i).join('/');
    if (hasNormal.has(parent)) return true;
    return (
      i > 0 && folders[i - 1].toLowerCase() === 'test' && hasNormal.has([...folders.slice(0, i - 1), 'train'].join('/'))
    );
  };
  return (path) => {
    const folders = path.split('/').slice(0, -1);
    for (let i = folders.length - 1; i >= 0; i--) {
      if (normalNames.test(folders[i])) return { isAnomalous: false, type: null };
      if (isDefect(folders, i)) return { isAnomalous: true, type: folders[i] };
    }
    return null;
  };
}
