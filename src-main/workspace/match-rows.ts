/** Finds the image that a row of a file is about: by path, else by content hash, else by a unique file name. */
import type { Sample } from '../contract/types.ts';
import type { ImageRow } from './rows-file.ts';

type Known = Pick<Sample, 'path' | 'sha256'>;

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const isAbsolute = (path: string) => /^(\/|[A-Za-z]:\/)/.test(path);
/** With forward slashes, without a leading `./`, in Unicode's NFC. */
const normalized = (path: string) =>
  path
    .replaceAll('\\', '/')
    .replace(/^(\.\/)+/, '')
    .normalize('NFC');

/** Returns a function that finds the image of a row; null if no image or several images match. */
export function matcherOf<S extends Known>(
  samples: readonly S[],
  rows: readonly ImageRow[],
): (row: ImageRow) => S | null {
  const byPath = new Map([
    ...samples.map((sample) => [normalized(sample.path), sample] as const),
    ...samples.map((sample) => [sample.path, sample] as const),
  ]);
  const byHash = new UniqueIndex(samples, ({ sha256 }) => sha256);
  const byHashAndName = new UniqueIndex(samples, (sample) => `${sample.sha256} ${baseName(normalized(sample.path))}`);
  const byName = new UniqueIndex(samples, ({ path }) => baseName(normalized(path)));
  // At most as many parts of a row's path are compared as the deepest image has, so that the time is linear however long the paths are.
  const deepest = samples.reduce((most, { path }) => Math.max(most, partsOf(path)), 1);
  const paths = rows.flatMap((row) => row.paths.slice(0, 1).map(normalized));
  const root = rootOf(paths, byPath, deepest);
  // A file name identifies an image only if it is unique in the folder and in the file.
  const named = new Map<string, number>();
  for (const path of paths) named.set(baseName(path), (named.get(baseName(path)) ?? 0) + 1);

  const exactly = (path: string) =>
    byPath.get(path) ??
    byPath.get(normalized(path)) ??
    (root !== null && normalized(path).startsWith(root) ? byPath.get(normalized(path).slice(root.length)) : undefined);
  /** By number of parts: an index of the images by that many last parts of their paths. */
  const endings = new Map<number, UniqueIndex<S>>();
  const endingWith = (path: string, parts: number) => {
    let index = endings.get(parts);
    if (!index)
      endings.set(
        parts,
        (index = new UniqueIndex(
          samples.filter((sample) => partsOf(sample.path) > parts),
          (sample) => lastParts(normalized(sample.path), parts),
        )),
      );
    return index.get(path);
  };
  /** One path ends with the other. At least the file name and one folder must be equal. */
  const bySuffix = (path: string) => {
    const rowPath = normalized(path)
      .replace(/\/{2,}/g, '/')
      .replace(/^\/|\/$/g, '');
    const parts = partsOf(rowPath);
    if (parts < 2) return undefined;
    for (let left = Math.min(parts - 1, deepest); left >= 2; left--) {
      const found = byPath.get(lastParts(rowPath, left));
      if (found) return found;
    }
    return parts < deepest ? endingWith(rowPath, parts) : undefined;
  };
  // If some rows match by their whole path, the file has paths of this folder. Then a path that matches no image is not searched by name.
  const knowsPaths = rows.some((row) => row.paths.some((path) => exactly(path)));
  const byFileName = (path: string) => {
    const name = baseName(normalized(path));
    return named.get(name) === 1 && (name === normalized(path) || !knowsPaths) ? byName.get(name) : undefined;
  };

  return ({ paths, sha256 }) => {
    const first = (search: (path: string) => S | undefined) => paths.map(search).find((sample) => sample !== undefined);
    const exact = paths.map(exactly).filter((sample) => sample !== undefined);
    return (
      exact.find((sample) => sample.sha256 === sha256) ??
      // Another image has this path by now: the content hash decides.
      (sha256 === null
        ? undefined
        : (byHash.get(sha256) ??
          onlyOf(paths.map((path) => byHashAndName.get(`${sha256} ${baseName(normalized(path))}`))))) ??
      // The image was edited since. Only its original path counts, since its exported name may be that of another image.
      (sha256 === null ? exact[0] : exactly(paths[0] ?? '')) ??
      first(bySuffix) ??
      first(byFileName) ??
      null
    );
  };
}

/** Finds an image by a key that no other image has. */
class UniqueIndex<S> {
  #found = new Map<string, S | null>();

  constructor(samples: readonly S[], keyOf: (sample: S) => string) {
    for (const sample of samples) {
      const key = keyOf(sample);
      this.#found.set(key, this.#found.has(key) ? null : sample);
    }
  }

  get = (key: string): S | undefined => this.#found.get(key) ?? undefined;
}

/** The image, if all found images are the same one. */
function onlyOf<S>(found: readonly (S | undefined)[]): S | undefined {
  const [first, ...others] = new Set(found.filter((sample) => sample !== undefined));
  return others.length ? undefined : first;
}

function partsOf(path: string): number {
  let parts = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) parts++;
  return parts;
}

/** `a/b/c`, 2 → `b/c`; the whole path if it has no more parts. */
function lastParts(path: string, parts: number): string {
  let at = path.length;
  for (let left = parts; left > 0 && at >= 0; left--) at = at === 0 ? -1 : path.lastIndexOf('/', at - 1);
  return path.slice(at + 1);
}

/** The folder, possibly on another machine, whose absolute paths match the most images of this folder. */
function rootOf(paths: readonly string[], byPath: ReadonlyMap<string, Known>, deepest: number): string | null {
  const votes = new Map<string, number>();
  for (const path of paths) {
    if (!isAbsolute(path)) continue;
    for (let left = Math.min(deepest, partsOf(path) - 1); left > 0; left--) {
      const inside = lastParts(path, left);
      if (!byPath.has(inside)) continue;
      const root = path.slice(0, -inside.length);
      votes.set(root, (votes.get(root) ?? 0) + 1);
    }
  }
  let best: string | null = null;
  for (const [root, count] of votes) if (best === null || count > (votes.get(best) as number)) best = root;
  return best;
}
