/**
 * `npm run package`: prepares out/winnow, then runs electron-builder to build the installers of this platform. electron-builder
 * is not a dependency: npm downloads it on demand, and it downloads Electron and its packaging tools. If those downloads fail,
 * `npm run package -- --dir` still builds an unpacked app from the installed Electron.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { finish, lastLines } from './child.mjs';
import { npmCommand } from './fetch-package.mjs';
import { electron, electronPath } from './pieces/electron.mjs';
import { folderBytes, log, mebi, progress } from './progress.mjs';
import { inModules, root, shippedNode } from './repository.mjs';

const builder = 'electron-builder@26.17.0';
const engine = join(root, 'out', 'winnow');

/**
 * @param {string} node @param {string[]} args for electron-builder @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
export async function makePackages(node, args, env) {
  if (!existsSync(join(root, 'dist', 'app', 'app.mjs')))
    throw new Error('dist/app/app.mjs does not exist, so there is no window to package');
  await copyEngine(node, env);
  const more = args.includes('--dir') ? await installedElectron() : [];
  log(`Packaging with ${builder}`);
  const { failure, output } = await npm(
    node,
    ['exec', '--yes', builder, '--', '--config', 'electron-builder.yml', '--publish', 'never', ...args, ...more],
    env,
    'packaging',
  );
  if (failure === null) {
    log(`  created in out/packages${lastLines(output, 4)}`);
    return 0;
  }
  log(`The installers could not be built: ${failure}`);
  if (/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|cannot resolve|status code|unable to|self.signed/i.test(output)) {
    log(
      'electron-builder downloads Electron and its packaging tools from the site of the Electron releases, which cannot be reached.',
    );
    log('Run it on a machine with access, or build the unpacked app: npm run package -- --dir');
  }
  return 1;
}

/** Copies the engine as it is shipped: sources, page, production libraries, and TensorFlow as files instead of a link. */
async function copyEngine(/** @type {string} */ node, /** @type {NodeJS.ProcessEnv} */ env) {
  rmSync(engine, { recursive: true, force: true });
  mkdirSync(engine, { recursive: true });
  for (const name of ['src-main', 'assets', 'dist/renderer', 'package-lock.json', '.npmrc', 'LICENSE']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(engine, name), { recursive: true });
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(engine, 'package.json'), JSON.stringify(manifest, null, 2)); // keeps devDependencies, since npm ci compares them with the lock file
  const { failure } = await npm(
    node,
    ['ci', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'],
    env,
    'production libraries',
    engine,
  );
  if (failure) throw new Error(`the libraries for the package could not be installed: ${failure}`);
  rmSync(join(engine, 'package-lock.json'));
  // Only the executable: the package also has headers and manuals. `app.ts` and `node24()` look for it here.
  mkdirSync(dirname(shippedNode(engine)), { recursive: true });
  cpSync(node, shippedNode(engine));
  rmSync(join(engine, 'node_modules', nodePackageOf(node)), { recursive: true });
  const tensorflow = ['@tensorflow', 'tfjs-node-gpu', 'lib'];
  if (existsSync(inModules(...tensorflow)))
    cpSync(realpathSync(inModules(...tensorflow)), join(engine, 'node_modules', ...tensorflow), { recursive: true });
  else log('  native TensorFlow is not installed: the package will use WebGPU');
  for (const built of ['kernels', 'native'].map((name) => join('dist', name)))
    if (existsSync(join(root, built)))
      cpSync(realpathSync(join(root, built)), join(engine, built), { recursive: true });
  log(`  engine prepared: ${mebi(folderBytes(engine))} MiB`);
}

function nodePackageOf(/** @type {string} */ node) {
  return relative(inModules(), node).split(sep)[0];
}

/** For an unpacked test app, the installed Electron is good enough, even the fallback from another package. */
async function installedElectron() {
  const path = electronPath();
  if (!path) return [];
  const copy = join(root, 'out', 'electron');
  rmSync(copy, { recursive: true, force: true });
  cpSync(dirname(path), copy, { recursive: true });
  rmSync(join(copy, 'resources', 'app'), { recursive: true, force: true }); // our loader is replaced by the asar
  return [`--config.electronDist=${copy}`, `--config.electronVersion=${(await electron.check()).version}`];
}

/**
 * npm under Node 24, so that its child processes use Node 24 too.
 * @param {string} node @param {string[]} args @param {NodeJS.ProcessEnv} env @param {string} title @param {string} [cwd]
 */
async function npm(node, args, env, title, cwd = root) {
  const [command, ...before] = npmCommand();
  const bar = progress(title, 0);
  const clean = Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^npm_(config_|package_|lifecycle_)/i.test(key)),
  );
  const result = await finish(command, [...before, ...args], {
    cwd,
    env: { ...clean, PATH: [dirname(node), env.PATH].join(delimiter) },
    shell: command.endsWith('.cmd'),
    onTick: () => bar.at(0),
  });
  bar.done();
  return result;
}
