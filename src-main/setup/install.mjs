/**
 * Keeps node_modules in step with package-lock.json: runs `npm ci` if it is missing or was installed from another lock file.
 * A stamp is written only after success, so an interrupted install is repeated.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finish } from './child.mjs';
import { npmCommand } from './fetch-package.mjs';
import { cacheFolder } from './folders.mjs';
import { withLock } from './lock.mjs';
import { folderBytes, log, progress } from './progress.mjs';

/** @param {string} root of the checkout */
export async function installPackages(root) {
  if (isInstalled(root)) return;
  const lock = join(cacheFolder(), `.lock-install-${digest(root).slice(0, 12)}`);
  await withLock(
    lock,
    () => install(root),
    (pid) => log(`Another setup (process ${pid}) is installing the libraries; waiting for it.`),
  );
}

async function install(/** @type {string} */ root) {
  if (isInstalled(root)) return;
  log('Installing the libraries (npm ci)');
  const startedAt = Date.now();
  const modules = join(root, 'node_modules');
  // Settings of the outer npm must not reach the inner one: `--silent` would hide the reason of a failure.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([key]) => !/^npm_(config_(loglevel|dry_run|json|global)|package_|lifecycle_)/i.test(key),
    ),
  );
  const [command, ...args] = npmCommand();
  const bar = progress('libraries', 0);
  const ci = (/** @type {string[]} */ ...more) =>
    finish(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel', 'error', ...more], {
      cwd: root,
      env,
      shell: command.endsWith('.cmd'),
      onTick: everyNth(8, () => bar.at(folderBytes(modules))), // walking 20,000 files takes time
    });
  // Packages in npm's cache are used without revalidation; the hashes of the lock file are checked anyway.
  let { failure } = await ci('--prefer-offline');
  if (failure) ({ failure } = await ci('--prefer-online'));
  bar.done();
  if (failure) throw new Error(`the libraries could not be installed: ${failure}`);
  writeStamp(root);
  log(`  libraries installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

/** @returns {boolean} */
export function isInstalled(/** @type {string} */ root) {
  let lockText;
  try {
    lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  } catch {
    return existsSync(join(root, 'node_modules')); // an installed program has no lock file
  }
  if (readOr(stampOf(root)) === digest(lockText)) return true;
  if (!agrees(lockText, readOr(join(root, 'node_modules', '.package-lock.json')))) return false;
  writeStamp(root); // the user ran npm: equally good
  return true;
}

/**
 * npm writes a list of the installed packages after a successful install. Packages for other platforms are not in it.
 * @param {string} wanted @param {string} found both the text of a lock file
 */
export function agrees(wanted, found) {
  if (!found) return false;
  const have = JSON.parse(found).packages;
  return Object.entries(JSON.parse(wanted).packages).every(([path, entry]) => {
    if (path === '') return true;
    return have[path]
      ? have[path].version === entry.version
      : Boolean(entry.optional || entry.devOptional || entry.peer);
  });
}

function writeStamp(/** @type {string} */ root) {
  writeFileSync(stampOf(root), digest(readFileSync(join(root, 'package-lock.json'), 'utf8')));
}

function stampOf(/** @type {string} */ root) {
  return join(root, 'node_modules', '.winnow-installed');
}

function digest(/** @type {string} */ text) {
  return createHash('sha256').update(text).digest('hex');
}

function readOr(/** @type {string} */ path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function everyNth(/** @type {number} */ n, /** @type {() => void} */ work) {
  let count = 0;
  return () => void (count++ % n === 0 && work());
}
