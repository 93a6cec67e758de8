/**
 * Marks from a file: a table that someone else filled in, annotations in COCO's form, or the manifest of an export. Rows find their image by path, else by content,
 * else by a name that is there once; only columns that are there change anything, and an empty cell clears its mark. What a row says is read in `marks-file.ts`.
 */
import { Worker } from 'node:worker_threads';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import { folderClass } from '../contract/marks.ts';
import type { ImportResult, Marks, Sample } from '../contract/types.ts';
import { readMarksFile, type MarksRow } from './marks-file.ts';

const unmatchedMax = 100;

/** What of an image decides which row means it, and what that changes. */
export type Known = Marks & Pick<Sample, 'id' | 'path' | 'sha256'>;
export interface Imported {
  result: ImportResult;
  marks: (readonly [sampleId: number, patch: Partial<Marks>])[];
}
export interface ImportOrder {
  file: string;
  samples: readonly Known[];
}
export type ImportAnswer = { imported: Imported } | { refused: { code: ErrorCode; message: string } };

/** Generous: half a gigabyte is read in a minute. */
const longestMinutes = 10;

/** As `importMarks`, in a thread of its own, which `signal` ends. Throws WinnowError. */
export async function importInThread(file: string, samples: readonly Sample[], signal: AbortSignal): Promise<Imported> {
  if (signal.aborted) throw new WinnowError('cancelled', 'Cancelled.');
  const known = samples.map(({ id, path, sha256, decision, reason, tags, label, note }): Known => ({
    id,
    path,
    sha256,
    decision,
    reason,
    tags,
    label,
    note,
  }));
  const order: ImportOrder = { file, samples: known };
  const worker = new Worker(new URL('./import-worker.ts', import.meta.url), {
    workerData: order,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const tooLong = setTimeout(() => void worker.terminate(), longestMinutes * 60_000);
  const end = () => void worker.terminate();
  signal.addEventListener('abort', end);
  try {
    const answer = await new Promise<ImportAnswer>((resolve, reject) =>
      worker
        .once('message', resolve)
        .once('error', reject)
        .once('exit', () =>
          reject(
            signal.aborted
              ? new WinnowError('cancelled', 'Cancelled.')
              : new WinnowError(
                  'bad-request',
                  `To read ${file} took longer than ${longestMinutes} minutes. Split it into several files.`,
                ),
          ),
        ),
    );
    if ('refused' in answer) throw new WinnowError(answer.refused.code, answer.refused.message);
    return answer.imported;
  } finally {
    clearTimeout(tooLong);
    signal.removeEventListener('abort', end);
    end();
  }
}

/** The imports into one folder, one after the other. */
export class Imports {
  #last: Promise<unknown> = Promise.resolve();
  #closing = new AbortController();

  /** Throws WinnowError; `cancelled` once the folder is closed. */
  read(file: string, samples: () => readonly Sample[]): Promise<Imported> {
    const mine = this.#last.then(() => importInThread(file, samples(), this.#closing.signal));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  close() {
    this.#closing.abort();
  }
}

export async function importMarks(file: string, samples: readonly Known[]): Promise<Imported> {
  const rows = await readMarksFile(file);
  const find = finder(samples, rows);
  const after = new Map<Known, Marks>();
  const unmatched: string[] = [];
  let matched = 0;
  for (const row of rows) {
    const sample = find(row);
    if (sample) {
      matched++;
      after.set(sample, marksAfter(after.get(sample) ?? sample, sample, row)); // a later row about the same image adds to what an earlier one said
    } else if (unmatched.length < unmatchedMax) unmatched.push(row.paths[0] ?? row.sha256 ?? '');
  }
  const marks = [...after].flatMap(([sample, now]): [number, Partial<Marks>][] => {
    const patch = differences(sample, now);
    return patch ? [[sample.id, patch]] : [];
  });
  return { result: { rows: rows.length, matched, changed: marks.length, unmatched }, marks };
}

function marksAfter(before: Marks, { path }: Known, row: MarksRow): Marks {
  const decision = row.decision === undefined ? before.decision : row.decision;
  // A reason belongs to its decision: without one there is none, and the reason for another decision does not hold.
  const kept = decision === before.decision ? before.reason : null;
  return {
    decision,
    reason: decision === null ? null : row.reason === undefined ? kept : row.reason,
    tags: row.tags ?? before.tags,
    label: row.label === undefined ? before.label : row.label === folderClass(path) ? null : row.label,
    note: row.note === undefined ? before.note : row.note,
  };
}

function differences(before: Marks, after: Marks): Partial<Marks> | null {
  const patch: Partial<Marks> = {};
  if (after.decision !== before.decision) patch.decision = after.decision;
  if (after.reason !== before.reason) patch.reason = after.reason;
  if (after.label !== before.label) patch.label = after.label;
  if (after.note !== before.note) patch.note = after.note;
  if (after.tags.join() !== [...before.tags].sort().join()) patch.tags = after.tags;
  return Object.keys(patch).length ? patch : null;
}

// --- which image a row means ---

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const isAbsolute = (path: string) => /^(\/|[A-Za-z]:\/)/.test(path);
const plain = (path: string) =>
  path
    .replaceAll('\\', '/')
    .replace(/^(\.\/)+/, '')
    .normalize('NFC');

function finder(samples: readonly Known[], rows: readonly MarksRow[]): (row: MarksRow) => Known | null {
  const byPath = new Map([
    ...samples.map((sample) => [plain(sample.path), sample] as const),
    ...samples.map((sample) => [sample.path, sample] as const),
  ]);
  const byHash = new Once(samples, ({ sha256 }) => sha256);
  const byHashAndName = new Once(samples, (sample) => `${sample.sha256} ${baseName(plain(sample.path))}`);
  const byName = new Once(samples, ({ path }) => baseName(plain(path)));
  // No more parts of a row's path are looked at than an image's path has: the work stays linear, however long the rows' paths are.
  const deepest = samples.reduce((most, { path }) => Math.max(most, partsOf(path)), 1);
  const paths = rows.flatMap((row) => row.paths.slice(0, 1).map(plain));
  const root = rootOf(paths, byPath, deepest);
  // A name says something only where both sides have it once.
  const named = new Map<string, number>();
  for (const path of paths) named.set(baseName(path), (named.get(baseName(path)) ?? 0) + 1);

  const exactly = (path: string) =>
    byPath.get(path) ??
    byPath.get(plain(path)) ??
    (root !== null && plain(path).startsWith(root) ? byPath.get(plain(path).slice(root.length)) : undefined);
  /** By the number of parts: the images' paths without what stands before so many last parts. */
  const endings = new Map<number, Once>();
  const endingWith = (path: string, parts: number) => {
    let index = endings.get(parts);
    if (!index)
      endings.set(
        parts,
        (index = new Once(
          samples.filter((sample) => partsOf(sample.path) > parts),
          (sample) => lastParts(plain(sample.path), parts),
        )),
      );
    return index.get(path);
  };
  /** The row's path ends with the sample's, or the other way round; over one folder at least. */
  const bySuffix = (path: string) => {
    const own = plain(path)
      .replace(/\/{2,}/g, '/')
      .replace(/^\/|\/$/g, '');
    const parts = partsOf(own);
    if (parts < 2) return undefined;
    for (let left = Math.min(parts - 1, deepest); left >= 2; left--) {
      const found = byPath.get(lastParts(own, left));
      if (found) return found;
    }
    return parts < deepest ? endingWith(own, parts) : undefined;
  };
  // A file that knows this folder's paths, and names another, means an image that is not here.
  const knowsPaths = rows.some((row) => row.paths.some((path) => exactly(path)));
  const byOwnName = (path: string) => {
    const name = baseName(plain(path));
    return named.get(name) === 1 && (name === plain(path) || !knowsPaths) ? byName.get(name) : undefined;
  };

  return ({ paths, sha256 }) => {
    const first = (way: (path: string) => Known | undefined) => paths.map(way).find((sample) => sample !== undefined);
    const exact = paths.map(exactly).filter((sample) => sample !== undefined);
    return (
      exact.find((sample) => sample.sha256 === sha256) ??
      // Another image has taken the name since: the one with these bytes is meant.
      (sha256 === null
        ? undefined
        : (byHash.get(sha256) ??
          onlyOf(paths.map((path) => byHashAndName.get(`${sha256} ${baseName(plain(path))}`))))) ??
      // Edited since. The name that it has in an export says nothing of images with other bytes.
      (sha256 === null ? exact[0] : exactly(paths[0] ?? '')) ??
      first(bySuffix) ??
      first(byOwnName) ??
      null
    );
  };
}

/** Finds the image that alone has a key; those of which several have it are not found. */
class Once {
  #found = new Map<string, Known | null>();

  constructor(samples: readonly Known[], keyOf: (sample: Known) => string) {
    for (const sample of samples) {
      const key = keyOf(sample);
      this.#found.set(key, this.#found.has(key) ? null : sample);
    }
  }

  get = (key: string): Known | undefined => this.#found.get(key) ?? undefined;
}

/** The one image among these, named once or several times. */
function onlyOf(found: readonly (Known | undefined)[]): Known | undefined {
  const [first, ...others] = new Set(found.filter((sample) => sample !== undefined));
  return others.length ? undefined : first;
}

function partsOf(path: string): number {
  let parts = 1;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) parts++;
  return parts;
}

/** `a/b/c`, 2 → `b/c`; the whole path where it has no more. */
function lastParts(path: string, parts: number): string {
  let at = path.length;
  for (let left = parts; left > 0 && at >= 0; left--) at = at === 0 ? -1 : path.lastIndexOf('/', at - 1);
  return path.slice(at + 1);
}

/** The folder, on whatever machine, under which most whole paths name images of this one. */
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
