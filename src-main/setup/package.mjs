/**
 * `npm run package`: lays out/winnow, then lets electron-builder make the installers of this platform. electron-builder
 * is not a dependency: npm fetches it when it is asked for, and it fetches Electron and its packaging tools itself. Where
 * those cannot be reached this says so; `npm run package -- --dir` still makes an unpacked app, from whatever Electron is here.
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
    throw new Error('dist/app/app.mjs is not there, so there is no window to package');
  await layEngine(node, env);
  const more = args.includes('--dir') ? await electronAtHand() : [];
  log(`Packaging with ${builder}`);
  const { failure, output } = await npm(
    node,
    ['exec', '--yes', builder, '--', '--config', 'electron-builder.yml', '--publish', 'never', ...args, ...more],
    env,
    'packaging',
  );
  if (failure === null) {
    log(`  made in out/packages${lastLines(output, 4)}`);
    return 0;
  }
  log(`The installers could not be made: ${failure}`);
  if (/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|cannot resolve|status code|unable to|self.signed/i.test(output)) {
    log(
      'electron-builder fetches Electron and its packaging tools from where Electron is released, which is not reached from here.',
    );
    log('Run it on a machine that reaches them, or make the unpacked app: npm run package -- --dir');
  }
  return 1;
}

/** The engine as it is shipped: sources, page, libraries for use only, TensorFlow as files and not as a link. */
async function layEngine(/** @type {string} */ node, /** @type {NodeJS.ProcessEnv} */ env) {
  rmSync(engine, { recursive: true, force: true });
  mkdirSync(engine, { recursive: true });
  for (const name of ['src-main', 'assets', 'dist/renderer', 'package-lock.json', '.npmrc', 'LICENSE']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(engine, name), { recursive: true });
  }
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(engine, 'package.json'), JSON.stringify(manifest, null, 2)); // with its devDependencies: npm ci compares it with the lock
  const { failure } = await npm(
    node,
    ['ci', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline'],
    env,
    'libraries for use',
    engine,
  );
  if (failure) throw new Error(`the libraries for the package could not be installed: ${failure}`);
  rmSync(join(engine, 'package-lock.json'));
  // The program alone: its package has headers and manuals too. `app.ts` and `node24()` look for it here.
  mkdirSync(dirname(shippedNode(engine)), { recursive: true });
  cpSync(node, shippedNode(engine));
  rmSync(join(engine, 'node_modules', nodePackageOf(node)), { recursive: true });
  const tensorflow = ['@tensorflow', 'tfjs-node-gpu', 'lib'];
  if (existsSync(inModules(...tensorflow)))
    cpSync(realpathSync(inModules(...tensorflow)), join(engine, 'node_modules', ...tensorflow), { recursive: true });
  else log('  native TensorFlow is not here: the package will compute by WebGPU');
  const kernels = ['dist', 'kernels'];
  if (existsSync(join(root, ...kernels)))
    cpSync(realpathSync(join(root, ...kernels)), join(engine, ...kernels), { recursive: true });
  log(`  engine laid out: ${mebi(folderBytes(engine))} MiB`);
}

function nodePackageOf(/** @type {string} */ node) {
  return relative(inModules(), node).split(sep)[0];
}

/** For an unpacked app to try out, the Electron that is here will do, also the one out of another package. */
async function electronAtHand() {
  const path = electronPath();
  if (!path) return [];
  const copy = join(root, 'out', 'electron');
  rmSync(copy, { recursive: true, force: true });
  cpSync(dirname(path), copy, { recursive: true });
  rmSync(join(copy, 'resources', 'app'), { recursive: true, force: true }); // our loader; the asar takes its place
  return [`--config.electronDist=${copy}`, `--config.electronVersion=${(await electron.check()).version}`];
}

/**
 * npm under Node 24, so that what it starts runs on it too.
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
