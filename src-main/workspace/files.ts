/** Files that are whole or not there: written beside their place and renamed into it. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The nearest folder above that exists, or `path` itself. */
export function nearestExisting(path: string): string {
  let at = resolve(path);
  while (!existsSync(at)) at = dirname(at);
  return at;
}

/** Would `path`, which need not exist, lie in `folder` or be it? Links are followed. */
export function isInside(folder: string, path: string): boolean {
  const existing = nearestExisting(path);
  const real = join(realpathSync(existing), relative(existing, resolve(path)));
  const source = realpathSync(folder);
  return real === source || real.startsWith(source.endsWith(sep) ? source : source + sep);
}

let serial = 0;

/** Writes `data` to `file`, making its folder where there is none. A reader sees the old content or the new, never a part. */
export async function writeWhole(file: string, data: string | Uint8Array): Promise<void> {
  const part = `${file}.${process.pid}-${serial++}.part`;
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
