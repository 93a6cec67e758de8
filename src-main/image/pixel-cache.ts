/**
 * The packed pixel cache: one file a size and fit, one row an image (by content hash), uint8 RGB. An image is decoded once for each size, not
 * once an epoch; a changed file gets a new row. Rows are on the disk, whole, before the index names them, and what the index names beyond the file's end is not used.
 */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Issue, Sample } from '../contract/types.ts';
import type { Database } from '../workspace/database.ts';
import { forEachParallel } from '../workspace/parallel.ts';
import { RowFile } from '../file/rows.ts';
import { issueOf } from './issue.ts';
import { makeRow, type Fit } from './pixels.ts';
import { withImage } from './scanned.ts';

export interface Packed {
  file: string;
  sizePx: number;
  /** Samples that have a row, in the order asked for. */
  samples: Sample[];
  /** Row of each of `samples`. */
  rows: Int32Array;
  /** Files that vanished or broke since the scan. */
  issues: Issue[];
}

const commitEvery = 256;
/** Who adds rows to a file, in turn: two at once would take the same places. */
const turns = new Map<string, Promise<unknown>>();

interface PackOptions {
  /** Stretched without. */
  fit?: Fit;
  signal: AbortSignal;
  onProgress(done: number, total: number): void;
}

/** Gives each sample its row, decoding what has none yet. */
export async function packPixels(
  db: Database,
  folder: string,
  workspaceFolder: string,
  samples: readonly Sample[],
  sizePx: number,
  options: PackOptions,
): Promise<Packed> {
  const { fit = 'stretch' } = options;
  const file = join(workspaceFolder, 'pixels', `${sizePx}${fit === 'stretch' ? '' : `-${fit}`}.u8`);
  const rowsThere = () => Math.floor((statSync(file, { throwIfNoEntry: false })?.size ?? 0) / (sizePx * sizePx * 3));
  const rowOf = ({ sha256 }: Sample) =>
    db.get<{ row: number }>(
      'SELECT row FROM pixel_rows WHERE size_px = ? AND fit = ? AND sha256 = ? AND row < ?',
      sizePx,
      fit,
      sha256,
      there,
    )?.row;
  let there = rowsThere();
  let issues: Issue[] = [];
  let rows = samples.map(rowOf);
  if (rows.includes(undefined)) {
    const turn = (turns.get(file) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        there = rowsThere();
        const missing = new Map(
          samples.filter((sample) => rowOf(sample) === undefined).map((sample) => [sample.sha256, sample]),
        );
        issues = await addRows(db, folder, file, [...missing.values()], sizePx, { ...options, fit });
      });
    turns.set(file, turn);
    await turn;
    there = rowsThere();
    rows = samples.map(rowOf);
  }
  return {
    file,
    sizePx,
    samples: samples.filter((_, i) => rows[i] !== undefined),
    rows: Int32Array.from(rows.filter((row) => row !== undefined)),
    issues,
  };
}

async function addRows(
  db: Database,
  folder: string,
  file: string,
  wanted: readonly Sample[],
  sizePx: number,
  { fit = 'stretch', ...options }: PackOptions,
): Promise<Issue[]> {
  const issues: Issue[] = [];
  const rows = RowFile.open(file, sizePx * sizePx * 3);
  try {
    // Rows of a file that was thrown away or cut: their places are given to others.
    db.run('DELETE FROM pixel_rows WHERE size_px = ? AND fit = ? AND row >= ?', sizePx, fit, rows.whole);
    const fresh: [string, number][] = [];
    const commit = () => {
      rows.sync();
      db.transaction(() =>
        fresh.splice(0).forEach(([sha256, row]) => {
          db.run(
            'INSERT OR REPLACE INTO pixel_rows (size_px, fit, sha256, row) VALUES (?, ?, ?, ?)',
            sizePx,
            fit,
            sha256,
            row,
          );
        }),
      );
    };
    let done = 0;
    try {
      await forEachParallel(wanted, availableParallelism() + 1, options.signal, async (sample) => {
        try {
          const pixels = await withImage(folder, sample, (image) => makeRow(image, sizePx, fit));
          fresh.push([sample.sha256, rows.add(pixels)]);
        } catch (error) {
          options.signal.throwIfAborted();
          issues.push(issueOf(sample.path, error).issue);
        }
        options.onProgress(++done, wanted.length);
        if (fresh.length >= commitEvery) commit();
      });
    } catch (error) {
      try {
        commit(); // what was read before a cancel stays
      } catch {
        // The first fault is the one to tell.
      }
      throw error;
    }
    commit();
  } finally {
    rows.close();
  }
  return issues;
}
