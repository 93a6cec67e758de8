/**
 * Imports marks from a file: a table, COCO annotations, or the manifest of an export. A row is matched to an image by path, else by content hash, else by a
 * unique file name. Columns that the file lacks change nothing; an empty cell clears its mark. `marks-file.ts` parses the rows. The truth for an evaluation is
 * read in the same way (`truth-file.ts`).
 */
import { Worker } from 'node:worker_threads';
import { WinnowError, type ErrorCode } from '../contract/errors.ts';
import type { ImportResult, Marks, Sample } from '../contract/types.ts';
import { readMarksFile, type MarksRow } from './marks-file.ts';
import { matcherOf } from './match-rows.ts';
import type { FileTruth } from './truth-file.ts';

const unmatchedMax = 100;

/** The fields of a sample that matching and comparing need. */
export type KnownSample = Marks & Pick<Sample, 'id' | 'path' | 'sha256' | 'folderClass'>;
export interface Imported {
  result: ImportResult;
  marks: (readonly [sampleId: number, patch: Partial<Marks>])[];
}
/** What can be read from a file about images. */
export interface Content {
  marks: Imported;
  truth: FileTruth;
}
export interface ImportOrder {
  what: keyof Content;
  file: string;
  samples: readonly KnownSample[];
}
export type ImportAnswer = { imported: Content[keyof Content] } | { refused: { code: ErrorCode; message: string } };

/** Generous: half a gigabyte takes a minute. */
const timeoutMinutes = 10;

/** Runs `importMarks` or `importTruth` in a worker thread, which `signal` stops. Throws WinnowError. */
export async function importInThread<What extends keyof Content>(
  what: What,
  file: string,
  samples: readonly Sample[],
  signal: AbortSignal,
): Promise<Content[What]> {
  if (signal.aborted) throw new WinnowError('cancelled', 'Cancelled.');
  const known = samples.map(({ id, path, sha256, folderClass, decision, reason, tags, label, note }): KnownSample => ({
    id,
    path,
    sha256,
    folderClass,
    decision,
    reason,
    tags,
    label,
    note,
  }));
  const order: ImportOrder = { what, file, samples: known };
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
    return answer.imported as Content[What];
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
  read<What extends keyof Content>(what: What, file: string, samples: () => readonly Sample[]): Promise<Content[What]> {
    const result = this.#last.then(() => importInThread(what, file, samples(), this.#closing.signal));
    this.#last = result.catch(() => undefined);
    return result;
  }

  close() {
    this.#closing.abort();
  }
}

export async function importMarks(file: string, samples: readonly KnownSample[]): Promise<Imported> {
  const { rows, notes } = await readMarksFile(file);
  const find = matcherOf(samples, rows);
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
  return { result: { rows: rows.length, matched, changed: marks.length, unmatched, notes }, marks };
}

function marksAfter(before: Marks, { folderClass }: KnownSample, row: MarksRow): Marks {
  const decision = row.decision === undefined ? before.decision : row.decision;
  // A reason belongs to its decision: a different decision drops it.
  const kept = decision === before.decision ? before.reason : null;
  return {
    decision,
    reason: decision === null ? null : row.reason === undefined ? kept : row.reason,
    tags: row.tags ?? before.tags,
    label: row.label === undefined ? before.label : row.label === folderClass ? null : row.label,
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
