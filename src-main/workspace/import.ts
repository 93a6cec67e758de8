/**
 * Imports marks from a file: a table, COCO annotations, or the manifest of an export. A row is matched to an image by path, else by content hash, else by a
 * unique file name. Columns that the file lacks change nothing; an empty cell clears its mark. `marks-file.ts` parses the rows.
 */
import { Worker } from 'node:worker_threads';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import { folderClass } from '../contract/marks.ts';
import type { ImportResult, Marks, Sample } from '../contract/types.ts';
import { readMarksFile, type MarksRow } from './marks-file.ts';

const unmatchedMax = 100;

/** The fields of a sample that matching and comparing need. */
export type KnownSample = Marks & Pick<Sample, 'id' | 'path' | 'sha256'>;
export interface Imported {
  result: ImportResult;
  marks: (readonly [sampleId: number, patch: Partial<Marks>])[];
}
export interface ImportOrder {
  file: string;
  samples: readonly KnownSample[];
}
export type ImportAnswer = { imported: Imported } | { refused: { code: ErrorCode; message: string } };

/** Generous: half a gigabyte takes a minute. */
const timeoutMinutes = 10;

/** Runs `importMarks` in a worker thread, which `signal` stops. Throws WinnowError. */
export async function importInThread(file: string, samples: readonly Sample[], signal: AbortSignal): Promise<Imported> {
  if (signal.aborted) throw new WinnowError('cancelled', 'Cancelled.');
  const known = samples.map(({ id, path, sha256, decision, reason, tags, label, note }): KnownSample => ({
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
  const tooLong = setTimeout(() => void worker.terminate(), timeoutMinutes * 60_000);
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
                  `Reading ${file} took longer than ${timeoutMinutes} minutes. Split it into several files.`,
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

/** Runs the imports into one folder one after the other. */
export class Imports {
  #last: Promise<unknown> = Promise.resolve();
  #closing = new AbortController();

  /** Throws WinnowError; `cancelled` after the folder was closed. */
  read(file: string, samples: () => readonly Sample[]): Promise<Imported> {
    const result = this.#last.then(() => importInThread(file, samples(), this.#closing.signal));
    this.#last = result.catch(() => undefined);
    return result;
  }

  close() {
    this.#closing.abort();
  }
}

export async function importMarks(file: string, samples: readonly KnownSample[]): Promise<Imported> {
  const rows = await readMarksFile(file);
  const find = createMatcher(samples, rows);
  const after = new Map<KnownSample, Marks>();
  const unmatched: string[] = [];
  let matched = 0;
  for (const row of rows) {
    const sample = find(row);
    if (sample) {
      matched++;
      after.set(sample, marksAfter(after.get(sample) ?? sample, sample, row)); // several rows of one image are merged
    } else if (unmatched.length < unmatchedMax) unmatched.push(row.paths[0] ?? row.sha256 ?? '');
  }
  const marks = [...after].flatMap(([sample, now]): [number, Partial<Marks>][] => {
    const patch = differences(sample, now);
    return patch ? [[sample.id, patch]] : [];
  });
  return { result: { rows: rows.length, matched, changed: marks.length, unmatched }, marks };
}

function marksAfter(before: Marks, { path }: KnownSample, row: MarksRow): Marks {
  const decision = row.decision === undefined ? before.decision : row.decision;
  // A reason belongs to its decision: a different decision drops it.
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

// --- matching rows to images ---

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const isAbsolute = (path: string) => /^(\/|[A-Za-z]:\/)/.test(path);
/** With forward slashes, without a leading `./`, in Unicode's NFC. */
const normalized = (path: string) =>
  path
    .replaceAll('\\', '/')
    .replace(/^(\.\/)+/, '')
    .normalize('NFC');

/** Returns a function that finds the image of a row; null if no image or several images match. */
function createMatcher(
  samples: readonly KnownSample[],
  rows: readonly MarksRow[],
): (row: MarksRow) => KnownSample | null {
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
  const endings = new Map<number, UniqueIndex>();
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
    const first = (search: (path: string) => KnownSample | undefined) =>
      paths.map(search).find((sample) => sample !== undefined);
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
class UniqueIndex {
  #found = new Map<string, KnownSample | null>();

  constructor(samples: readonly KnownSample[], keyOf: (sample: KnownSample) => string) {
    for (const sample of samples) {
      const key = keyOf(sample);
      this.#found.set(key, this.#found.has(key) ? null : sample);
    }
  }

  get = (key: string): KnownSample | undefined => this.#found.get(key) ?? undefined;
}

/** The image, if all found images are the same one. */
function onlyOf(found: readonly (KnownSample | undefined)[]): KnownSample | undefined {
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
function rootOf(paths: readonly string[], byPath: ReadonlyMap<string, KnownSample>, deepest: number): string | null {
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
