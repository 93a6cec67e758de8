/**
 * The packed pixel cache: one file a size, one row an image (by content hash), uint8 RGB. An image is decoded once for each size, not
 * once an epoch; a changed file gets a new row. Rows are on the disk before the index names them.
 */
import { closeSync, existsSync, fdatasyncSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Issue, Sample } from '../contract/types.ts';
import type { Database } from '../workspace/database.ts';
import { forEachParallel } from '../workspace/parallel.ts';
import { asDecodeError, openImage } from './decode.ts';
import { fileIssue } from './find.ts';
import { makeRow } from './pixels.ts';

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

export async function packPixels(
  db: Database, folder: string, workspaceFolder: string, samples: readonly Sample[], sizePx: number,
  options: { signal: AbortSignal; onProgress(done: number, total: number): void },
): Promise<Packed> {
  const file = join(workspaceFolder, 'pixels', `${sizePx}.u8`);
  mkdirSync(join(workspaceFolder, 'pixels'), { recursive: true });
  const rowBytes = sizePx * sizePx * 3;
  const index = new Map(db.all<{ sha256: string; row: number }>('SELECT sha256, row FROM pixel_rows WHERE size_px = ?', sizePx).map((entry) => [entry.sha256, entry.row]));
  const issues: Issue[] = [];
  const wanted = [...new Map(samples.filter((sample) => !index.has(sample.sha256)).map((sample) => [sample.sha256, sample])).values()];

  const target = openSync(file, existsSync(file) ? 'r+' : 'w+');
  try {
    // A part of a row, or rows that the index does not know, may be left from a kill: new rows go behind them.
    let nextRow = Math.ceil(fstatSync(target).size / rowBytes);
    const fresh: [string, number][] = [];
    const commit = () => {
      fdatasyncSync(target);
      db.transaction(() => fresh.splice(0).forEach(([sha256, row]) => {
        db.run('INSERT OR REPLACE INTO pixel_rows (size_px, sha256, row) VALUES (?, ?, ?)', sizePx, sha256, row);
        index.set(sha256, row);
      }));
    };
    let done = 0;
    try {
      await forEachParallel(wanted, availableParallelism() + 1, options.signal, async (sample) => {
        try {
          const bytes = await readFile(join(folder, sample.path));
          const pixels = await makeRow(await openImage(bytes, sample.path), sizePx);
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
  const packed = samples.filter((sample) => index.has(sample.sha256));
  return { file, sizePx, samples: packed, rows: Int32Array.from(packed, (sample) => index.get(sample.sha256) as number), issues };
}

const pick = ({ code, message }: { code: Issue['code']; message: string }) => ({ code, message });
