/**
 * The packed pixel cache: one file a size and fit, one row an image (by content hash), uint8 RGB. An image is decoded once for each size, not
 * once an epoch; a changed file gets a new row. Rows are on the disk before the index names them.
 */
import { closeSync, existsSync, fdatasyncSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { Issue, Sample } from '../contract/types.ts';
import type { Database } from '../workspace/database.ts';
import { forEachParallel } from '../workspace/parallel.ts';
import { asDecodeError, openImage } from './decode.ts';
import { fileIssue } from './find.ts';
import { makeRow, type Fit } from './pixels.ts';

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
export async function packPixels(db: Database, folder: string, workspaceFolder: string, samples: readonly Sample[], sizePx: number, options: PackOptions): Promise<Packed> {
  const { fit = 'stretch' } = options;
  const file = join(workspaceFolder, 'pixels', `${sizePx}${fit === 'stretch' ? '' : `-${fit}`}.u8`);
  const rowOf = ({ sha256 }: Sample) => db.get<{ row: number }>('SELECT row FROM pixel_rows WHERE size_px = ? AND fit = ? AND sha256 = ?', sizePx, fit, sha256)?.row;
  let issues: Issue[] = [];
  let rows = samples.map(rowOf);
  if (rows.includes(undefined)) {
    const turn = (turns.get(file) ?? Promise.resolve()).catch(() => {}).then(async () => {
      const missing = new Map(samples.filter((sample) => rowOf(sample) === undefined).map((sample) => [sample.sha256, sample]));
      issues = await addRows(db, folder, file, [...missing.values()], sizePx, { ...options, fit });
    });
    turns.set(file, turn);
    await turn;
    rows = samples.map(rowOf);
  }
  return { file, sizePx, samples: samples.filter((_, i) => rows[i] !== undefined), rows: Int32Array.from(rows.filter((row) => row !== undefined)), issues };
}

async function addRows(db: Database, folder: string, file: string, wanted: readonly Sample[], sizePx: number, { fit = 'stretch', ...options }: PackOptions): Promise<Issue[]> {
  mkdirSync(dirname(file), { recursive: true });
  const rowBytes = sizePx * sizePx * 3;
  const issues: Issue[] = [];
  const target = openSync(file, existsSync(file) ? 'r+' : 'w+');
  try {
    // A part of a row, or rows that the index does not know, may be left from a kill: new rows go behind them.
    let nextRow = Math.ceil(fstatSync(target).size / rowBytes);
    const fresh: [string, number][] = [];
    const commit = () => {
      fdatasyncSync(target);
      db.transaction(() => fresh.splice(0).forEach(([sha256, row]) => {
        db.run('INSERT OR REPLACE INTO pixel_rows (size_px, fit, sha256, row) VALUES (?, ?, ?, ?)', sizePx, fit, sha256, row);
      }));
    };
    let done = 0;
    try {
      await forEachParallel(wanted, availableParallelism() + 1, options.signal, async (sample) => {
        try {
          const bytes = await readFile(join(folder, sample.path));
          const pixels = await makeRow(await openImage(bytes, sample.path), sizePx, fit);
          const row = nextRow++;
          writeSync(target, pixels, 0, rowBytes, row * rowBytes);
          fresh.push([sample.sha256, row]);
        } catch (error) {
          const { code, syscall } = error as NodeJS.ErrnoException;
          if (syscall === 'write') throw error;
          issues.push(code && syscall ? fileIssue(sample.path, error) : { path: sample.path, ...pick(asDecodeError(error)) });
        }
        options.onProgress(++done, wanted.length);
        if (fresh.length >= commitEvery) commit();
      });
    } finally {
      commit();
    }
  } finally {
    closeSync(target);
  }
  return issues;
}

const pick = ({ code, message }: { code: Issue['code']; message: string }) => ({ code, message });
