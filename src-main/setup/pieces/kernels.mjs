/**
 * The C++ parts of Winnow: custom TensorFlow kernels for the CPU (src-main/compute/kernels) and the inner loops of augmentation
 * (src-main/compute/augment/loops.cc). They are compiled on this machine once for each version of their sources, for several instruction sets.
 * This component is optional: without it, TensorFlow's kernels and TypeScript are used, which are slower.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildOnce, builtFolder } from '../build-once.mjs';
import { finish } from '../child.mjs';
import { inModules, isShipped, platform, root } from '../repository.mjs';
import { tensorflowFolder } from './tensorflow.mjs';

const sourceFolder = join(root, 'src-main', 'compute', 'kernels');
const loops = join(root, 'src-main', 'compute', 'augment', 'loops.cc');
const link = join(root, 'dist', 'kernels'); // where compute/backend.ts looks

/** File name → instruction sets. backend.ts loads the first that the CPU supports. */
const levels = /** @type {Record<string, Record<string, string>>} */ ({
  'linux-x64': { 'avx512.node': '-march=x86-64-v4', 'avx2.node': '-march=x86-64-v3' },
});
const flags = [
  '-std=c++17',
  '-O3',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fPIC',
  '-shared',
  '-DNAPI_VERSION=8',
  '-pthread',
];
/** No fused multiply-add, so that results equal those of TypeScript bit by bit. */
const loopFlags = ['-std=c++20', '-O3', '-ffp-contract=off', '-fPIC', '-shared', '-DNAPI_VERSION=8'];

function sources() {
  return readdirSync(sourceFolder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort();
}

function folderName() {
  const hash = createHash('sha256')
    .update(flags.join(' '))
    .update(tensorflowFolder() ?? '');
  for (const name of sources()) hash.update(name).update(readFileSync(join(sourceFolder, name)));
  hash.update(loopFlags.join(' ')).update(readFileSync(loops));
  return `kernels-${platform}-${hash.digest('hex').slice(0, 16)}`;
}

/** @type {import('./index.mjs').Piece} */
export const kernels = {
  id: 'kernels',
  title: 'custom TensorFlow kernels',
  essential: false,
  mend: 'npm start -- setup kernels',
  async check() {
    if (isShipped()) return { state: 'ready', version: null, detail: 'part of the installed program' };
    if (!levels[platform])
      return { state: 'optional', version: null, detail: `none for ${platform}; TensorFlow's kernels are used` };
    if (!tensorflowFolder()) return { state: 'optional', version: null, detail: 'they need native TensorFlow' };
    if (linked() === builtFolder(folderName())) return { state: 'ready', version: null, detail: link };
    return { state: 'missing', version: null, detail: 'training would be slower' };
  },
  async provide({ log }) {
    const tensorflow = tensorflowFolder();
    if (!levels[platform] || !tensorflow) return;
    const built = await buildOnce(folderName(), async (folder) => {
      log('Compiling the kernels for training (once per version)');
      await Promise.all(
        Object.entries(levels[platform]).flatMap(([file, march]) => [
          compile(march, join(folder, file), tensorflow),
          compileLoops(march, join(folder, `augment-${file}`)),
        ]),
      );
    });
    if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link, { recursive: true, force: true });
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(built, link, 'dir');
  },
};

/** No rpath for libtensorflow_framework: TensorFlow is always loaded before the kernels. */
async function compile(/** @type {string} */ march, /** @type {string} */ target, /** @type {string} */ tensorflow) {
  const { failure } = await finish('g++', [
    ...[...flags, march],
    ...[join(tensorflow, 'include'), inModules('node-api-headers', 'include'), sourceFolder].map(
      (folder) => `-I${folder}`,
    ),
    ...sources()
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sourceFolder, name)),
    ...['-o', target, `-L${join(tensorflow, 'lib', 'napi-v8')}`, '-l:libtensorflow_framework.so.2'],
  ]);
  if (failure) throw new Error(`the kernels could not be compiled: ${failure}`);
}

async function compileLoops(/** @type {string} */ march, /** @type {string} */ target) {
  const { failure } = await finish('g++', [
    ...loopFlags,
    march,
    `-I${inModules('node-api-headers', 'include')}`,
    loops,
    '-o',
    target,
  ]);
  if (failure) throw new Error(`the loops of augmentation could not be compiled: ${failure}`);
}

function linked() {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}
