/** Writes files atomically: to a temporary file beside the target, then renamed. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

let serial = 0;
const partOf = (file: string) => `${file}.${process.pid}-${serial++}.part`;

/**
 * Writes `data` to `file` and creates missing folders. A reader sees the old content or the new, never a part. If `file` is a link, the link is replaced, not
 * its target.
 */
export async function writeAtomically(file: string, data: string | Uint8Array): Promise<void> {
  const part = partOf(file);
  try {
    await writeFile(part, data).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(part, data);
    });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** For small files that are written synchronously. The folder must exist. */
export function writeAtomicallySync(file: string, data: string, mode?: number): void {
  const part = partOf(file);
  try {
    writeFileSync(part, data, { mode });
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
