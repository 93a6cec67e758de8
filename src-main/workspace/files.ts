/** Files that are whole or not there: written beside their place and renamed into it. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

let serial = 0;

/** Writes `data` to `file`, making its folder. A reader sees the old content or the new, never a part. */
export async function writeWhole(file: string, data: string | Uint8Array): Promise<void> {
  const part = `${file}.${process.pid}-${serial++}.part`;
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(part, data);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
