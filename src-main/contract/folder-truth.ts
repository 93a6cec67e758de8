/** What the names of folders tell about images: which are normal and which anomalous. */
import { nfc } from './same-name.ts';

export interface Verdict {
  isAnomalous: boolean;
  /** The kind of defect; null if it has no name. */
  type: string | null;
}

/** Names of folders of normal images, in any case. */
export const normalNames = /^(good|ok|normal)$/i;
/** Folders that divide a set but are no class. */
const structureNames =
  /^(train|training|test|testing|val|valid|validation|ground_truth|masks?|images|unlabell?ed|unknown)$/i;

/** The folder of masks in the layout of MVTec AD. */
export const maskFolder = /^ground_truth$/i;

/** True for a mask by its folder: such an image shows where a defect is, and is not judged itself. */
export const isMaskPath = (path: string): boolean =>
  path
    .split('/')
    .slice(0, -1)
    .some((name) => maskFolder.test(name));

/** The images that a ranking judges: all but masks; all if there are only masks. */
export function withoutMasks<S extends { path: string }>(samples: readonly S[]): readonly S[] {
  const images = samples.filter(({ path }) => !isMaskPath(path));
  return images.length ? images : samples;
}

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
  const verdictOf = (folder: string): Verdict | null => {
    const folders = folder ? folder.split('/') : [];
    for (let i = folders.length - 1; i >= 0; i--) {
      if (normalNames.test(folders[i])) return { isAnomalous: false, type: null };
      if (isDefect(folders, i)) return { isAnomalous: true, type: nfc(folders[i]) };
    }
    return null;
  };
  const verdicts = new Map<string, Verdict | null>();
  return (path) => {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    let verdict = verdicts.get(folder);
    if (verdict === undefined) verdicts.set(folder, (verdict = verdictOf(folder)));
    return verdict;
  };
}
