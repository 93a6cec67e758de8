/**
 * The class and the split of each image, by its folders. What a folder is depends on those beside it, so all paths are needed:
 * - *Parts of the set.* Folders with the name of a split (`train`, `val2017`, `test_set`) are splits if there is no other folder beside them, or if they name two different splits,
 *   or if the only other folder holds the same folders. Otherwise (`bus`, `car`, `train`) they are classes. A path has one split: what lies inside of a split is a class.
 * - *Kinds of files.* `images` beside no class is skipped; `labels`, `annotations` and `masks` beside no class hold no class, as do `ground_truth` and `unlabelled` anywhere.
 * - *Wrappers.* A folder that holds everything else, and no image itself, is skipped.
 * - All other folders name classes. Where they lie in each other, the first one is the class, as in torchvision and Keras, unless a person chooses otherwise.
 */
import { nfc } from './same-name.ts';

/** How folders become classes: `auto` is the first folder. `path` joins all with `/`. */
export const classRules = ['auto', 'first', 'last', 'path', 'none'] as const;
export type ClassRule = (typeof classRules)[number];

/** For titles and menus. */
export const classRuleWords: Readonly<Record<ClassRule, string>> = {
  auto: 'the folders, automatically',
  first: 'the first folder',
  last: 'the last folder',
  path: 'all folders together',
  none: 'no folder',
};

/** What was chosen, and why. */
export interface ClassChoice {
  /** The setting. */
  setting: ClassRule;
  /** The rule that was used. */
  by: Exclude<ClassRule, 'auto'>;
  /** True if the folders can be read in several ways: then a person is asked. */
  ambiguous: boolean;
  /** True if class folders lie in each other, so that the rules differ. */
  nested: boolean;
  /** One sentence. */
  reason: string;
  /** The number of classes that each rule would give. */
  counts: Readonly<Record<Exclude<ClassRule, 'auto'>, number>>;
}

export interface FolderPlace {
  class: string | null;
  split: string | null;
}

export interface FolderClasses {
  choice: ClassChoice;
  /** Undefined if no image was in this folder. */
  of(path: string): FolderPlace | undefined;
}

const splitNames: Readonly<Record<string, string>> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
};

/** The split that a folder's name means, if it is one: `train`, `Validation`, `val2017`, `test_set`, `train-images`. */
export function splitNamed(name: string): string | null {
  const plain = name.toLowerCase().replace(/(?<=[a-z])(?:[_ -]?(?:set|data|images|imgs|split))?[_ -]?(?:\d{4})?$/, '');
  return Object.hasOwn(splitNames, plain) ? splitNames[plain] : null;
}

/** Folders of images beside their annotations. */
const isContent = (name: string) => /^(images?|imgs?|jpegimages)$/i.test(name);
/** Folders beside those of images. */
const isAnnotation = (name: string) => /^(labels?|annotations?|masks?)$/i.test(name);
/** Their images have no class, whatever lies beside. */
const isNoClass = (name: string) => /^(ground_truth|unlabell?ed)$/i.test(name);
const isOrdinary = (name: string) =>
  splitNamed(name) === null && !isContent(name) && !isAnnotation(name) && !isNoClass(name);

interface Folder {
  name: string;
  hasImages: boolean;
  inner: Map<string, Folder>;
}
/** A folder with images, and the names inside of the set that could be its class. */
interface Leaf {
  split: string | null;
  names: readonly string[];
}
type Role = 'split' | 'skipped' | 'no class' | 'class';

const folderOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** Takes milliseconds for 100,000 paths: the work is done once for each folder. */
export function folderClasses(paths: Iterable<string>, setting: ClassRule): FolderClasses {
  const folders = new Map<string, string>(); // as on disk → in NFC
  let isFlat = true;
  for (const path of paths) {
    const folder = folderOf(path);
    if (!folders.has(folder)) folders.set(folder, nfc(folder));
    isFlat &&= folder === '';
  }
  const found = readTree(new Set([...folders.values()].sort())); // the words do not depend on the order of the paths
  const leaves = withoutWrapper(found.leaves);
  const classed = [...leaves.values()].filter(({ names }) => names.length);
  const by = setting === 'auto' ? 'first' : setting;
  const isNested = classed.some(({ names }) => names.length > 1);
  const count = (rule: ClassChoice['by']) => new Set(classed.map(({ names }) => nameBy(rule, names))).size;
  const choice: ClassChoice = {
    setting,
    by,
    ambiguous: isNested || found.odd !== null,
    nested: isNested,
    reason: reasonFor(setting, classed, { ...found, isFlat, isNested }),
    counts: { first: count('first'), last: count('last'), path: count('path'), none: 0 },
  };
  const places = new Map<string, FolderPlace>();
  for (const [folder, key] of folders) {
    const { split, names } = leaves.get(key) as Leaf;
    places.set(folder, { class: nameBy(by, names), split });
  }
  return { choice, of: (path) => places.get(folderOf(path)) };
}

function nameBy(by: ClassChoice['by'], names: readonly string[]): string | null {
  if (!names.length || by === 'none') return null;
  return by === 'path' ? names.join('/') : names[by === 'first' ? 0 : names.length - 1];
}

/** `odd`: a folder that has the name of a split and is a class, or the other way round, with the reason. */
interface Tree {
  leaves: Map<string, Leaf>;
  splits: ReadonlySet<string>;
  odd: string | null;
}

function readTree(folders: ReadonlySet<string>): Tree {
  const root: Folder = { name: '', hasImages: folders.has(''), inner: new Map() };
  for (const folder of folders) {
    let at = root;
    for (const name of folder === '' ? [] : folder.split('/')) {
      let next = at.inner.get(name);
      if (!next) at.inner.set(name, (next = { name, hasImages: false, inner: new Map() }));
      at = next;
    }
    at.hasImages = true;
  }
  const tree = { leaves: new Map<string, Leaf>(), splits: new Set<string>(), odd: null as string | null };
  const visit = (at: Folder, path: string, leaf: Leaf & { isClassless: boolean }) => {
    if (at.hasImages) tree.leaves.set(path, { split: leaf.split, names: leaf.isClassless ? [] : leaf.names });
    const { roles, odd } = rolesOf([...at.inner.values()], leaf.split);
    tree.odd ??= odd;
    for (const [folder, role] of roles) {
      if (role === 'split') tree.splits.add(folder.name);
      visit(folder, path === '' ? folder.name : `${path}/${folder.name}`, {
        split: role === 'split' ? splitNamed(folder.name) : leaf.split,
        names: role === 'class' ? [...leaf.names, folder.name] : leaf.names,
        isClassless: leaf.isClassless || role === 'no class',
      });
    }
  };
  visit(root, '', { split: null, names: [], isClassless: false });
  return tree;
}

/** What folders beside each other are. `inSplit`: the split that they are in. */
function rolesOf(folders: readonly Folder[], inSplit: string | null): { roles: Map<Folder, Role>; odd: string | null } {
  const splits = folders.filter(({ name }) => splitNamed(name) !== null);
  const others = folders.filter(({ name }) => isOrdinary(name));
  const named = new Set(splits.map(({ name }) => splitNamed(name)));
  const inside = new Set(splits.flatMap(({ inner }) => [...inner.keys()].filter(isOrdinary)));
  const holdsTheSame = ({ inner }: Folder) => [...inner.keys()].some((name) => inside.has(name));
  const isPair = others.length === 1 && splits.every(({ hasImages }) => !hasImages) && holdsTheSame(others[0]);
  const areSplits = inSplit === null && splits.length > 0 && (!others.length || named.size > 1 || isPair);
  // Archives are often unpacked into a folder of the same name: `test_set/test_set/cat`.
  const isAgain =
    folders.length === 1 && !folders[0].hasImages && inSplit !== null && splitNamed(folders[0].name) === inSplit;

  const roles = new Map<Folder, Role>();
  for (const folder of splits) roles.set(folder, areSplits ? 'split' : isAgain ? 'skipped' : 'class');
  for (const folder of others) roles.set(folder, areSplits && holdsTheSame(folder) ? 'skipped' : 'class');
  const hasClass = [...roles.values()].includes('class');
  for (const folder of folders) {
    if (roles.has(folder)) continue;
    const isKept = hasClass && !isNoClass(folder.name);
    roles.set(folder, isKept ? 'class' : isContent(folder.name) ? 'skipped' : 'no class');
  }
  return { roles, odd: inSplit === null && splits.length && others.length ? oddity(splits, others, areSplits) : null };
}

function oddity(splits: readonly Folder[], others: readonly Folder[], areSplits: boolean): string {
  const [names, beside] = [listOf(splits.map(({ name }) => name)), listOf(others.map(({ name }) => name))];
  const isOne = splits.length === 1;
  return areSplits
    ? `${names} ${isOne ? 'is a part' : 'are parts'} of the set, although ${beside} ${others.length === 1 ? 'lies' : 'lie'} beside`
    : `${names} ${isOne ? 'is a class' : 'are classes'} and no ${isOne ? 'part' : 'parts'} of the set, since ${beside} ${others.length === 1 ? 'lies' : 'lie'} beside`;
}

/** Skips the first folder while all classes lie in it. */
function withoutWrapper(leaves: ReadonlyMap<string, Leaf>): Map<string, Leaf> {
  const lists = [...leaves.values()].map(({ names }) => names).filter(({ length }) => length);
  let depth = 0;
  while (lists.length && lists.every((names) => names.length > depth + 1 && names[depth] === lists[0][depth])) depth++;
  return new Map([...leaves].map(([folder, { split, names }]) => [folder, { split, names: names.slice(depth) }]));
}

function reasonFor(
  setting: ClassRule,
  classed: readonly Leaf[],
  { splits, odd, isFlat, isNested }: Pick<Tree, 'splits' | 'odd'> & { isFlat: boolean; isNested: boolean },
): string {
  const end = odd === null ? '' : `; ${odd}`;
  if (setting === 'none') return 'No folder is a class, as chosen.';
  if (!classed.length) {
    if (isFlat) return 'No image has a class by its folder: all lie in the opened folder itself.';
    return splits.size
      ? `No image has a class by its folder: ${listOf([...splits])} ${splits.size === 1 ? 'is a part' : 'are parts'} of the set.`
      : 'No image has a class by its folder: the folders name no class.';
  }
  if (setting !== 'auto') {
    const words = { first: 'The first folder is', last: 'The last folder is', path: 'All folders together are' };
    return `${words[setting]} the class, as chosen${end}.`;
  }
  if (!isNested) {
    const where = splits.size ? ` inside of ${listOf([...splits])}` : '';
    return `Each folder${where} is a class${end}.`;
  }
  const { names } = classed.find((leaf) => leaf.names.length > 1) as Leaf;
  return `Folders lie in each other: the first is the class (${names[0]}, not ${names.at(-1)} or ${names.join('/')})${end}.`;
}

const listOf = (names: readonly string[]): string => {
  const quoted = names.toSorted().map((name) => `‘${name}’`);
  if (quoted.length > 3) return `${quoted.slice(0, 2).join(', ')} and ${quoted.length - 2} more`;
  return quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}` : quoted[0];
};
