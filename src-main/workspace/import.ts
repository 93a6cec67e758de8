/**
 * Marks from a file: a table that someone else filled in, annotations in COCO's form, or the manifest of an export. Rows find their image by path, else by content,
 * else by a name that is there once; only columns that are there change anything, and an empty cell clears its mark. What a row says is read in `marks-file.ts`.
 */
import type { ImportResult, Marks, Sample } from '../contract/types.ts';
import { readMarksFile, type MarksRow } from './marks-file.ts';
import { classOf } from './table.ts';

const unmatchedMax = 100;

export async function importMarks(file: string, samples: readonly Sample[]): Promise<{ result: ImportResult; marks: (readonly [sampleId: number, patch: Partial<Marks>])[] }> {
  const rows = await readMarksFile(file);
  const find = finder(samples, rows);
  const after = new Map<Sample, Marks>();
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

function marksAfter(before: Marks, { path }: Sample, row: MarksRow): Marks {
  const decision = row.decision === undefined ? before.decision : row.decision;
  // A reason belongs to its decision: without one there is none, and the reason for another decision does not hold.
  const kept = decision === before.decision ? before.reason : null;
  return {
    decision,
    reason: decision === null ? null : row.reason === undefined ? kept : row.reason,
    tags: row.tags ?? before.tags,
    label: row.label === undefined ? before.label : row.label === classOf(path) ? null : row.label,
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
const plain = (path: string) => path.replaceAll('\\', '/').replace(/^(\.\/)+/, '').normalize('NFC');

function finder(samples: readonly Sample[], rows: readonly MarksRow[]): (row: MarksRow) => Sample | null {
  const byPath = new Map([...samples.map((sample) => [plain(sample.path), sample] as const), ...samples.map((sample) => [sample.path, sample] as const)]);
  const byHash = Map.groupBy(samples, ({ sha256 }) => sha256);
  const byName = Map.groupBy(samples, ({ path }) => baseName(plain(path)));
  const paths = rows.flatMap((row) => row.paths.slice(0, 1).map(plain));
  const root = rootOf(paths, byPath);
  // A name says something only where both sides have it once.
  const named = new Map<string, number>();
  for (const path of paths) named.set(baseName(path), (named.get(baseName(path)) ?? 0) + 1);

  const exactly = (path: string) => byPath.get(path) ?? byPath.get(plain(path)) ?? (root !== null && plain(path).startsWith(root) ? byPath.get(plain(path).slice(root.length)) : undefined);
  /** The row's path ends with the sample's, or the other way round; over one folder at least. */
  const bySuffix = (path: string) => {
    const parts = plain(path).split('/').filter(Boolean);
    if (parts.length < 2) return undefined;
    for (let i = 1; i < parts.length - 1; i++) {
      const found = byPath.get(parts.slice(i).join('/'));
      if (found) return found;
    }
    return single(byName.get(parts.at(-1) as string)?.filter((sample) => plain(sample.path).endsWith(`/${parts.join('/')}`)));
  };
  // A file that knows this folder's paths, and names another, means an image that is not here.
  const knowsPaths = rows.some((row) => row.paths.some((path) => exactly(path)));
  const byOwnName = (path: string) => {
    const name = baseName(plain(path));
    return named.get(name) === 1 && (name === plain(path) || !knowsPaths) ? single(byName.get(name)) : undefined;
  };

  return ({ paths, sha256 }) => {
    const first = (way: (path: string) => Sample | undefined) => paths.map(way).find((sample) => sample !== undefined);
    const same = sha256 === null ? [] : (byHash.get(sha256) ?? []);
    const exact = paths.map(exactly).filter((sample) => sample !== undefined);
    return exact.find((sample) => same.includes(sample))
      // Another image has taken the name since: the one with these bytes is meant.
      ?? single(same)
      ?? single(same.filter((sample) => paths.some((path) => baseName(plain(path)) === baseName(plain(sample.path)))))
      // Edited since. The name that it has in an export says nothing of images with other bytes.
      ?? (sha256 === null ? exact[0] : exactly(paths[0] ?? ''))
      ?? first(bySuffix)
      ?? first(byOwnName)
      ?? null;
  };
}

const single = (list: readonly Sample[] | undefined) => (list?.length === 1 ? list[0] : undefined);

/** The folder, on whatever machine, under which most whole paths name images of this one. */
function rootOf(paths: readonly string[], byPath: ReadonlyMap<string, Sample>): string | null {
  const votes = new Map<string, number>();
  for (const path of paths) {
    if (!isAbsolute(path)) continue;
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      if (byPath.has(path.slice(at + 1))) votes.set(path.slice(0, at + 1), (votes.get(path.slice(0, at + 1)) ?? 0) + 1);
    }
  }
  let best: string | null = null;
  for (const [root, count] of votes) if (best === null || count > (votes.get(best) as number)) best = root;
  return best;
}
