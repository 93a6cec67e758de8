/**
 * Masks of defects beside the images of a folder: finds their files, matches them to images as MVTec AD names them, and reads them. Masks inside the opened
 * folder are samples too; `own` names them, since they are not images to be judged. Other masks are read first in a process that can be killed, as a scan does.
 */
import { rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { isMaskPath, maskFolder } from '../contract/folder-truth.ts';
import { nfc } from '../contract/same-name.ts';
import type { Sample } from '../contract/types.ts';
import { askDisk } from '../file/gate.ts';
import { forEachParallel } from '../file/parallel.ts';
import { findImages } from '../image/find.ts';
import { readMask, type Mask } from '../image/mask.ts';
import { startReaders } from '../image/readers.ts';
import { withImage } from '../image/scanned.ts';

interface MaskFile {
  /** The folder that `path` is relative to. */
  root: string;
  path: string;
  bytes: number;
  /** Differs if the file has changed. */
  version: string;
  /** Null until the file was read in another process. */
  sha256: string | null;
}

export interface FoundMasks {
  /** By sample id; a part of the images has none. */
  files: ReadonlyMap<number, readonly MaskFile[]>;
  /** Samples that are masks. */
  own: ReadonlySet<number>;
  /** Mask files without a matching image. */
  unmatched: string[];
}

type Place = Pick<Sample, 'id' | 'path'>;

const parallel = 4;
/** A mask that covers more than this is inverted or is no mask. */
const mostCovered = 0.9;

/** Finds masks in `dir`; if that is null, in folders `ground_truth` inside the opened folder or beside it. Throws `bad-request` if `dir` is no folder. */
export async function findMasks(
  folder: string,
  samples: readonly Sample[],
  dir: string | null,
  signal: AbortSignal,
): Promise<FoundMasks> {
  const named = dir === null ? null : resolve(folder, dir);
  const inFolder = named === null ? '..' : relative(folder, named).replaceAll('\\', '/');
  if (inFolder === '')
    throw new WinnowError(
      'bad-request',
      'The folder of masks is the opened folder itself. Name the folder that holds only masks.',
    );
  const inNamed = inFolder.startsWith('..') || isAbsolute(inFolder) ? null : nfc(`${inFolder}/`);
  const isMask = ({ path }: Sample) => (inNamed !== null && nfc(path).startsWith(inNamed)) || isMaskPath(path);
  const own = samples.filter(isMask);
  const images = samples.filter((sample) => !isMask(sample));
  const inside = own.map(({ path, bytes, sha256 }): MaskFile => ({
    root: folder,
    path,
    bytes,
    version: sha256,
    sha256,
  }));
  const outside =
    inNamed !== null || (named === null && inside.length) ? null : (named ?? join(dirname(folder), 'ground_truth'));
  const files = outside === null ? inside : await filesIn(outside, named !== null, signal);
  const chosen = inNamed === null ? files : files.filter(({ path }) => nfc(path).startsWith(inNamed));
  return { ...matchMasks(images, chosen), own: new Set(own.map(({ id }) => id)) };
}

async function filesIn(root: string, isRequired: boolean, signal: AbortSignal): Promise<MaskFile[]> {
  const isFolder = await askDisk(() => stat(root), signal).then(
    (info) => info.isDirectory(),
    () => false,
  );
  if (!isFolder && isRequired)
    throw new WinnowError(
      'bad-request',
      `The folder of masks ${root} does not exist. Name the folder that holds them, often ‘ground_truth’.`,
    );
  if (!isFolder) return [];
  const files: MaskFile[] = [];
  for await (const { path, bytes, modifiedMs } of findImages(root, {
    signal,
    onIssue: () => undefined,
    isKnown: () => false,
  }))
    files.push({ root, path, bytes, version: `${bytes} ${modifiedMs}`, sha256: null });
  return files;
}

const foldersOf = (path: string) => nfc(path).split('/').slice(0, -1);
const stemOf = (path: string) => nfc(path.slice(path.lastIndexOf('/') + 1)).replace(/\.[^.]*$/, '');

/**
 * `ground_truth/scratch/001_mask.png` belongs to `test/scratch/001.png`, `ground_truth/scratch/001/0.png` too (several masks of one image). Without an image in a
 * folder of the same name, the name of the file alone decides, if only one image has it.
 */
export function matchMasks<File extends { path: string }>(
  images: readonly Place[],
  masks: readonly File[],
): { files: Map<number, File[]>; unmatched: string[] } {
  const byStem = Map.groupBy(images, ({ path }) => stemOf(path));
  const parents = new Set(images.map(({ path }) => foldersOf(path).at(-1)));
  const files = new Map<number, File[]>();
  const unmatched: string[] = [];
  for (const mask of masks) {
    const folders = foldersOf(mask.path);
    const root = folders
      .slice(
        0,
        folders.findLastIndex((name) => maskFolder.test(name)),
      )
      .join('/');
    const find = (stem: string, parent: string | undefined): Place | null => {
      const named = (byStem.get(stem) ?? []).filter(
        ({ path }) => parent === undefined || foldersOf(path).at(-1) === parent,
      );
      const nearest = named.length > 1 && root ? named.filter(({ path }) => nfc(path).startsWith(`${root}/`)) : named;
      return nearest.length === 1 ? nearest[0] : null;
    };
    const stem = stemOf(mask.path);
    const plain = stem.replace(/[_-](mask|gt|label|seg)$/i, '');
    const [grandparent, parent] = [folders.at(-2), folders.at(-1)];
    const image =
      (grandparent !== undefined && parent !== undefined && find(parent, grandparent)) ||
      (parent !== undefined && (find(stem, parent) ?? find(plain, parent))) ||
      (parent === undefined || !parents.has(parent) ? (find(stem, undefined) ?? find(plain, undefined)) : null);
    if (image) files.set(image.id, [...(files.get(image.id) ?? []), mask]);
    else unmatched.push(mask.path);
  }
  return { files, unmatched };
}

/** Reads the masks of a workspace, and remembers of each file whether it has a defect. */
export class Masks {
  /** By file and version: the content hash, and whether there is a defect; a message if the mask cannot be used. */
  #known = new Map<string, { sha256: string; hasDefect: boolean } | { problem: string }>();

  /** Whether the masks of each image have a defect. An image with an unusable mask is missing; `problems` has a message for it. */
  async look(
    { files }: FoundMasks,
    images: ReadonlyMap<number, Sample>,
    workspaceFolder: string,
    signal: AbortSignal,
  ): Promise<{ hasDefect: Map<number, boolean>; problems: string[] }> {
    const entries = [...files].flatMap(([id, list]) => list.map((file) => ({ file, image: images.get(id)! })));
    const fresh = entries.filter(({ file }) => !this.#known.has(keyOf(file)));
    await this.#readSafely(
      fresh.map(({ file }) => file).filter(({ sha256 }) => sha256 === null),
      workspaceFolder,
      signal,
    );
    await forEachParallel(fresh, parallel, signal, async ({ file, image }) => {
      if (this.#known.has(keyOf(file)) && file.sha256 === null) return; // it could not be read
      try {
        const { data } = await load(file, image);
        this.#known.set(keyOf(file), { sha256: file.sha256!, hasDefect: data.includes(1) });
      } catch (error) {
        this.#known.set(keyOf(file), { problem: `The mask ${file.path} is not used: ${(error as Error).message}` });
      }
    });
    const hasDefect = new Map<number, boolean>();
    const problems: string[] = [];
    for (const [id, list] of files) {
      const known = list.map((file) => this.#known.get(keyOf(file))!);
      const problem = known.find((each) => 'problem' in each);
      if (problem) problems.push(problem.problem);
      else
        hasDefect.set(
          id,
          known.some((each) => 'hasDefect' in each && each.hasDefect),
        );
      for (const [i, each] of known.entries()) if ('sha256' in each) list[i].sha256 = each.sha256;
    }
    return { hasDefect, problems };
  }

  /** The union of the masks of an image. Throws DecodeError. Call `look` before. */
  async read(files: readonly MaskFile[], image: Sample): Promise<Mask> {
    const [first, ...others] = await Promise.all(files.map((file) => load(file, image)));
    for (const { data, rows, columns } of others) {
      if (rows !== first.rows || columns !== first.columns)
        throw new Error(`the masks of ${image.path} differ in size.`);
      data.forEach((defect, i) => defect && (first.data[i] = 1));
    }
    return first;
  }

  /** Decodes files that no scan has read in processes that can be killed, and notes their content hash. */
  async #readSafely(files: readonly MaskFile[], workspaceFolder: string, signal: AbortSignal): Promise<void> {
    if (!files.length) return;
    const readers = startReaders(signal);
    const aside = join(workspaceFolder, 'masks'); // their thumbnails are not kept
    try {
      await forEachParallel(files, readers.prepare(files.length), signal, async (file) => {
        try {
          const { root, path, bytes } = file;
          file.sha256 = (await readers.read({ folder: root, workspaceFolder: aside, path, bytes })).sha256;
        } catch (error) {
          signal.throwIfAborted();
          this.#known.set(keyOf(file), { problem: `The mask ${file.path} is not used: ${(error as Error).message}` });
        }
      });
    } finally {
      await readers.close();
      await rm(aside, { recursive: true, force: true });
    }
  }
}

const keyOf = ({ root, path, version }: MaskFile): string => `${root}\n${path}\n${version}`;

/** Throws if the file is no mask of this image. */
async function load({ root, path, bytes, sha256 }: MaskFile, image: Sample): Promise<Mask> {
  const mask = await withImage(root, { path, bytes, sha256: sha256! }, async (opened) => {
    const stretch = opened.width / opened.height / (image.width / image.height);
    if (stretch < 0.98 || stretch > 1.02)
      throw new Error(
        `it has ${opened.width} × ${opened.height} pixels, and its image ${image.width} × ${image.height}: not the same shape.`,
      );
    return readMask(opened);
  });
  const covered = mask.data.reduce((sum, defect) => sum + defect, 0) / mask.data.length;
  if (covered > mostCovered)
    throw new Error('nearly all of it is marked. A mask is black where the image is normal, without transparency.');
  return mask;
}
