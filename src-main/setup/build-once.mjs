/**
 * Builds a cache folder atomically: under a temporary name that is renamed at the end, so the folder is either complete or
 * absent even after a kill. The next attempt removes the remains of a killed one. The name contains component, version
 * and platform: a new version is a new folder, and all clones share it.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { log } from './progress.mjs';

/** @returns {string} the path of the finished folder of this name, which may not exist yet */
export function builtFolder(/** @type {string} */ name) {
  return join(cacheFolder(), name);
}

/**
 * @param {string} name @param {(folder: string, scratch: string) => Promise<void>} build fills `folder`; `scratch` is
 *   for downloads and is removed
 * @returns {Promise<string>} the finished folder
 */
export async function buildOnce(name, build) {
  const finished = builtFolder(name);
  if (existsSync(finished)) return finished;
  mkdirSync(cacheFolder(), { recursive: true });
  return withLock(
    join(cacheFolder(), `.lock-${name}`),
    async () => {
      if (existsSync(finished)) return finished; // another setup built it while we waited
      removePartial(name);
      const attempt = mkdtempSync(join(cacheFolder(), `.partial-${name}-`));
      const folder = join(attempt, 'folder');
      const scratch = join(attempt, 'scratch');
      mkdirSync(folder);
      mkdirSync(scratch);
      try {
        await build(folder, scratch);
        writeFileSync(
          join(folder, 'made-by-winnow.json'),
          `${JSON.stringify({ name, at: new Date().toISOString() })}\n`,
        );
        renameSync(folder, finished);
      } finally {
        rmSync(attempt, { recursive: true, force: true });
      }
      return finished;
    },
    (pid) => log(`Another setup (process ${pid}) is building ${name}; waiting for it.`),
  );
}

/** Removes the remains of killed attempts. Call it only while holding the lock of this name. */
function removePartial(/** @type {string} */ name) {
  for (const entry of readdirSync(cacheFolder())) {
    if (entry.startsWith(`.partial-${name}-`)) rmSync(join(cacheFolder(), entry), { recursive: true, force: true });
  }
}
