/** Moves the originals of a finished export to the system's trash. Nothing is deleted: an original that the trash refuses stays in place and is reported. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Issue } from '../contract/types.ts';
import { isInside } from '../file/output.ts';
import type { Report } from '../workspace/report.ts';
import { forEachParallel } from '../file/parallel.ts';
import type { Entry } from './format.ts';
import { hashOf } from './place.ts';

const batch = 50; // files per call of the system: a cancel takes effect between calls

/** Before a move, each original is read again: one that has changed since the export stays. After a cancel, all remaining originals stay. */
export async function trashOriginals(
  folder: string,
  entries: readonly Entry[],
  concurrency: number,
  report: Report,
): Promise<{ trashed: number; issues: Issue[] }> {
  const { default: trash } = await import('trash');
  const issues: Issue[] = [];
  let trashed = 0;
  const stays = (path: string, why: string) =>
    issues.push({ path, code: 'unreadable', message: `Exported, but the original stays: ${why}` });
  report.stage('Moving originals to the trash', entries.length);
  for (let start = 0; start < entries.length; start += batch) {
    if (report.signal.aborted) {
      for (const { sample } of entries.slice(start)) stays(sample.path, 'cancelled.');
      break;
    }
    const ready: { path: string; file: string }[] = [];
    await forEachParallel(
      entries.slice(start, start + batch),
      concurrency,
      new AbortController().signal,
      async ({ sample }) => {
        const file = join(folder, sample.path);
        const why = await reasonToStay(folder, file, sample.sha256);
        if (why) stays(sample.path, why);
        else ready.push({ path: sample.path, file });
      },
    );
    let fault = 'the system’s trash did not take it.';
    try {
      await trash(
        ready.map(({ file }) => file),
        { glob: false },
      );
    } catch (error) {
      fault = `it could not be moved to the system’s trash: ${(error as Error).message}`;
    }
    for (const { path, file } of ready) {
      if (existsSync(file)) stays(path, fault);
      else trashed++;
    }
    report.progress(Math.min(entries.length, start + batch));
  }
  return { trashed, issues };
}

async function reasonToStay(folder: string, file: string, sha256: string): Promise<string | null> {
  try {
    if (!isInside(folder, realpathSync(dirname(file)))) return 'it is outside the opened folder, behind a link.';
    return (await hashOf(file)) === sha256 ? null : 'it changed since it was exported.';
  } catch (error) {
    return (error as Error).message;
  }
}
