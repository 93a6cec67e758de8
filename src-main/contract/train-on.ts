/**
 * The images that a scorer trains on. A glob names those known to be normal; without one it is all images. Images tagged `normal` are added, images tagged
 * `anomalous` are never trained on. Folder names such as `train/good` are recognised, so that nobody has to type the glob; where there are none, enough images
 * tagged `normal` are trained on alone.
 */
import { normalNames } from './folder-truth.ts';
import { escapeGlob, globMatcher } from './glob.ts';
import { plural } from './words.ts';

/** Tags that a person gives: an image has at most one of them. */
export const normalTag = 'normal';
export const anomalousTag = 'anomalous';

/** In place of a glob: the images tagged `normal`, and no others. */
export const taggedNormal = `tag:${normalTag}`;
/** Fewer tagged images are not trained on alone: they show too little of what is normal, and too few can be held out to judge the score. */
export const fewestTagged = 10;

/** Who chose the training images. `remembered`: the last choice for this folder; `tagged`: enough images are tagged `normal`. */
export type TrainOnBy = 'given' | 'remembered' | 'recognised' | 'tagged' | 'all';

export interface TrainOn {
  /** Null: all images. */
  glob: string | null;
  by: TrainOnBy;
}

interface Tagged {
  path: string;
  tags: readonly string[];
}

const trainNames = new Set(['train', 'training']);
const testNames = new Set(['test', 'testing', 'val', 'valid', 'validation']);

/**
 * A glob for the images in folders named good, ok or normal; null if there are none. If some of these lie in a folder `train`, only those; else those
 * outside of folders for tests and validation; else all.
 */
export function recogniseNormal(paths: readonly string[]): string | null {
  const normal = paths.flatMap((path) => {
    const folders = path.split('/').slice(0, -1);
    const names = folders.map((name) => name.toLowerCase());
    const last = names.findLastIndex((name) => normalNames.test(name) || trainNames.has(name));
    return names.some((name) => normalNames.test(name)) ? [{ path, names, root: folders.slice(0, last + 1) }] : [];
  });
  const holds = (wanted: ReadonlySet<string>, names: readonly string[]) => names.some((name) => wanted.has(name));
  const choices = [
    normal.filter(({ names }) => holds(trainNames, names) && !holds(testNames, names)),
    normal.filter(({ names }) => !holds(testNames, names)),
    normal,
  ];
  const chosen = choices.find(({ length }) => length > 0);
  if (!chosen) return null;
  const roots = [...new Set(chosen.map(({ root }) => root.join('/')))].sort();
  const ends = new Set(roots.flatMap((root) => [root.split('/').slice(-2).join('/'), root.split('/').slice(-1)[0]]));
  const candidates =
    roots.length === 1
      ? [`${escapeGlob(roots[0])}/**`]
      : [...[...ends].map((end) => `**/${escapeGlob(end)}/**`), `{${roots.map(escapeInBraces).join(',')}}/**`];
  const wanted = new Set(chosen.map(({ path }) => path));
  const isExact = (glob: string) => {
    const matches = globMatcher(glob);
    return paths.every((path) => matches(path) === wanted.has(path));
  };
  return candidates.find(isExact) ?? candidates[candidates.length - 1];
}

const escapeInBraces = (root: string): string => escapeGlob(root).replaceAll(',', '\\,');

/** What tags changed about the images that a glob matches. */
export interface TrainTags {
  /** Paths of images that do not match the glob, but are tagged `normal`: with `tag:normal` all images that are trained on. */
  added: readonly string[];
  /** Paths of images that match the glob, but are tagged `anomalous`. */
  leftOut: readonly string[];
}

/** No path matches `tag:normal`. */
function matcherOf(glob: string | null): (path: string) => boolean {
  if (glob === null) return () => true;
  return glob === taggedNormal ? () => false : globMatcher(glob);
}

/** The images to train on, by their place in the list. */
export function trainingImages(
  samples: readonly Tagged[],
  glob: string | null,
): { positions: number[]; added: string[]; leftOut: string[] } {
  const matches = matcherOf(glob);
  const images = { positions: [] as number[], added: [] as string[], leftOut: [] as string[] };
  samples.forEach(({ path, tags }, i) => {
    const isMatch = matches(path);
    if (tags.includes(anomalousTag)) {
      if (isMatch) images.leftOut.push(path);
    } else if (isMatch || tags.includes(normalTag)) {
      if (!isMatch) images.added.push(path);
      images.positions.push(i);
    }
  });
  return images;
}

/**
 * What to train on if nobody says: what was given last for this folder, if it still matches an image; else what folder names tell; else the images tagged
 * `normal`, if they are enough; else all images. `remembered`: null for nothing.
 */
export function suggestTrainOn(samples: readonly Tagged[], remembered: { glob: string | null } | null): TrainOn {
  if (remembered) {
    const { glob } = remembered;
    const matches = matcherOf(glob);
    if (glob === taggedNormal ? countTagged(samples) : samples.some(({ path }) => matches(path)))
      return { glob, by: 'remembered' };
  }
  const glob = recogniseNormal(samples.map(({ path }) => path));
  if (glob !== null) return { glob, by: 'recognised' };
  return countTagged(samples) >= fewestTagged ? { glob: taggedNormal, by: 'tagged' } : { glob: null, by: 'all' };
}

/** How many images are tagged `normal` and not `anomalous`. */
export const countTagged = (samples: readonly Pick<Tagged, 'tags'>[]): number =>
  samples.reduce((count, { tags }) => count + Number(tags.includes(normalTag) && !tags.includes(anomalousTag)), 0);

/** Why images are trained on all together although some are tagged `normal`; null if none are, or if enough are. */
export function tooFewTagged(tagged: number): string | null {
  if (!tagged || tagged >= fewestTagged) return null;
  return `Only ${plural(tagged, 'image')} ${tagged === 1 ? 'is' : 'are'} tagged ‘${normalTag}’: ${fewestTagged} are needed to train on them alone.`;
}

/** What a finished run was trained on, as its record tells. */
export interface TrainedOn {
  trainOn: string | null;
  trainTags: TrainTags;
  /** Of a detector that was trained in another folder: no image here was trained on. */
  origin?: object | null;
}

/** Returns a function that tells whether an image, by its path, was trained on. */
export function trainedOn({ trainOn, trainTags, origin }: TrainedOn): (path: string) => boolean {
  if (origin) return () => false;
  const matches = matcherOf(trainOn);
  const [added, leftOut] = [new Set(trainTags.added), new Set(trainTags.leftOut)];
  return (path) => added.has(path) || (matches(path) && !leftOut.has(path));
}

/** How the choice was made, in words: ‘recognised by folder name’. */
const byWords: Record<TrainOnBy, string> = {
  given: 'as given',
  remembered: 'as last time',
  recognised: 'recognised by folder name',
  tagged: 'marked by you; no folder of normal images recognised',
  all: 'no folder of normal images recognised',
};

/** ‘train/good/** — 40 images, recognised by folder name’. */
export function trainOnText({ glob, by }: TrainOn, images: number): string {
  return `${glob === taggedNormal ? `images tagged ‘${normalTag}’` : (glob ?? 'all images')} — ${plural(images, 'image')}, ${byWords[by]}`;
}
