/**
 * A folder of the cache that is either complete or absent. It is made under a temporary name and renamed at the very
 * end, so a kill at any moment leaves nothing half; what a killed attempt left behind is swept by the next one. The
 * name carries piece, version and platform: a new version is a new folder, and every clone shares them.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { log } from './progress.mjs';

/** @returns {string} where a finished folder of this name lies, or would lie */
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
      if (existsSync(finished)) return finished; // the other set-up made it while we waited
      sweep(name);
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
    (pid) => log(`Another set-up (process ${pid}) is making ${name}; waiting for it.`),
  );
}

/** Only called while holding the lock of this name, so whatever lies there belongs to an attempt that was killed. */
function sweep(/** @type {string} */ name) {
  for (const entry of readdirSync(cacheFolder())) {
    if (entry.startsWith(`.partial-${name}-`)) rmSync(join(cacheFolder(), entry), { recursive: true, force: true });
  }
}
