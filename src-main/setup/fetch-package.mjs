/**
 * Downloads one file from a package registry with the registry's own client (pip, npm), so that the user's mirrors,
 * proxies and credentials apply. The file is accepted only if its SHA-256 matches the one in our source.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { finish } from './child.mjs';
import { folderBytes, log, mebi, progress } from './progress.mjs';

/**
 * @typedef {{ name: string, version: string, sha256: string, bytes: number }} Pinned one file in a registry
 */

/**
 * @param {Pinned & { tags: string[] }} wheel tags: pip's --python-version, --platform … so that one file is meant
 * @param {string} folder downloads and pip's temporary files go here
 */
export async function fetchWheel(wheel, folder) {
  const spec = `${wheel.name}==${wheel.version}`;
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
    ...wheel.tags,
    '--dest',
    folder,
    spec,
  ];
  const python = process.platform === 'win32' ? 'python' : 'python3';
  return fetchFile(wheel, folder, '.whl', (onTick) =>
    finish(python, args, { onTick, cwd: folder, env: { ...process.env, TMPDIR: folder, TEMP: folder } }),
  );
}

/** @param {Pinned} tarball @param {string} folder */
export async function fetchTarball(tarball, folder) {
  // Use a temporary cache: 190 MB in the user's npm cache would be wasted. Scripts of the outer npm pass their
  // settings on in the environment, and a few of them (dry-run, json) would change what `pack` does.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([key]) =>
        !/^npm_(config_(dry_run|json|pack_destination|workspace.*|loglevel|global)|package_|lifecycle_)/i.test(key),
    ),
  );
  const [command, ...args] = npmCommand();
  args.push('pack', `${tarball.name}@${tarball.version}`, '--cache', join(folder, 'npm-cache'), '--loglevel', 'error');
  return fetchFile(tarball, folder, '.tgz', (onTick) =>
    finish(command, args, { onTick, cwd: folder, env, shell: command.endsWith('.cmd') }),
  );
}

/** The npm that started this process, if any; else the one on the PATH. */
export function npmCommand() {
  const { npm_execpath } = process.env;
  if (npm_execpath && /npm-cli\.c?js$/.test(npm_execpath)) return [process.execPath, npm_execpath];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

/**
 * @param {Pinned} pinned @param {string} folder @param {string} extension
 * @param {(onTick: () => void) => ReturnType<typeof finish>} download
 */
async function fetchFile(pinned, folder, extension, download) {
  const title = `${pinned.name} ${pinned.version}`;
  const startedAt = Date.now();
  const bar = progress(title, pinned.bytes);
  const { failure } = await download(() => bar.at(folderBytes(folder)));
  bar.done();
  if (failure) throw new Error(`${title} could not be downloaded: ${failure}`);
  const file = readdirSync(folder).find((name) => name.endsWith(extension));
  if (!file) throw new Error(`${title} was downloaded, but no ${extension} file arrived`);
  const path = join(folder, file);
  const found = await sha256Of(path);
  if (found !== pinned.sha256)
    throw new Error(`${title} is not the expected file: SHA-256 ${found}, expected ${pinned.sha256}`);
  log(`  downloaded ${mebi(statSync(path).size)} MiB: ${title}, in ${Math.round((Date.now() - startedAt) / 1000)} s`);
  return path;
}

/** @returns {Promise<string>} hex */
export async function sha256Of(/** @type {string} */ path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
