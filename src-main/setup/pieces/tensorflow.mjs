/**
 * Native TensorFlow. On Linux the standard download of tfjs-node-gpu requires CUDA 11 and TensorFlow 2.9. Instead, we extract
 * the library from the Python wheel and compile the binding, whose C++ source is in the npm package, against it. On macOS and
 * Windows the package's own installer is used. This component is optional: without it, Winnow uses WebGPU or, much slower,
 * plain JavaScript.
 */
import { existsSync, lstatSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { buildOnce, builtFolder } from '../build-once.mjs';
import { finish } from '../child.mjs';
import { fetchWheel } from '../fetch-package.mjs';
import { mebi } from '../progress.mjs';
import { inModules, node24, platform, versionOf } from '../repository.mjs';
import { unzip } from '../unzip.mjs';

const version = '2.19.1';
const tags = (/** @type {string} */ machine) => [
  '--python-version',
  '3.11',
  '--implementation',
  'cp',
  '--abi',
  'cp311',
  '--platform',
  machine,
];

/** One wheel per platform. The Python version does not matter, since no Python code is used. */
const wheels = /** @type {Record<string, import('../fetch-package.mjs').Pinned & { tags: string[] }>} */ ({
  'linux-x64': {
    name: 'tensorflow-cpu',
    version,
    tags: tags('manylinux_2_17_x86_64'),
    sha256: '0b6d72bd09c267e7573757bd309f5b1e2cdb02577339991da751f3a1411e4dae',
    bytes: 251_795_484,
  },
  // The hash is from the registry. The build has not been tested on this platform; tryOut() below verifies it.
  'linux-arm64': {
    name: 'tensorflow',
    version,
    tags: tags('manylinux_2_17_aarch64'),
    sha256: '22deedc251837f2382d2b287c705705cb089bfaf79b2274b78c08740e02bf188',
    bytes: 0,
  },
});

const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const headers = [
  'tensorflow/c/',
  'tensorflow/core/common_runtime/next_pluggable_device/c/',
  'tensorflow/core/platform/',
  'tsl/',
  'xla/tsl/c/',
];
const unpackedBytes = 748_000_000;

const packageFolder = inModules('@tensorflow', 'tfjs-node-gpu');
const link = join(packageFolder, 'lib'); // where the package looks for lib/napi-v8/tfjs_binding.node
const folderName = () => `tensorflow-${version}-tfjs-${versionOf('@tensorflow/tfjs-node-gpu')}-${platform}-headers`;

/** The folder of library and headers; null if the package's installer was used, which has no headers. */
export const tensorflowFolder = () =>
  wheels[platform] && existsSync(builtFolder(folderName())) ? builtFolder(folderName()) : null;

/** @type {import('./index.mjs').Piece} */
export const tensorflow = {
  id: 'tensorflow',
  title: 'native TensorFlow',
  essential: false,
  mend: 'npm start -- setup tensorflow',
  async check() {
    if (existsSync(join(link, 'napi-v8', 'tfjs_binding.node')) && (!wheels[platform] || tensorflowFolder()))
      return {
        state: 'ready',
        version: wheels[platform] ? version : versionOf('@tensorflow/tfjs-node-gpu'),
        detail: link,
      };
    if (!wheels[platform] && process.platform === 'linux')
      return { state: 'optional', version: null, detail: `there is no build for ${platform}; WebGPU is used` };
    return {
      state: 'missing',
      version: null,
      detail: 'networks are trained by WebGPU, or slowly in plain JavaScript',
    };
  },
  async provide({ log, progress }) {
    if (!wheels[platform]) return installByPackage(log);
    const name = folderName();
    if (!existsSync(builtFolder(name))) log(`Setting up TensorFlow ${version} (once on this machine)`);
    const built = await buildOnce(name, async (folder, scratch) => {
      const wheel = await fetchWheel(wheels[platform], scratch);
      const library = join(folder, 'lib', 'napi-v8');
      const bar = progress('unpacking TensorFlow', unpackedBytes);
      await unzip(wheel, folder, placeOf, bar.at);
      bar.done();
      await compile(join(folder, 'include'), library);
      await tryOut(join(library, 'tfjs_binding.node'));
      log(`  TensorFlow ${version} built and tested: ${mebi(unpackedBytes)} MiB on disk`);
    });
    linkTo(join(built, 'lib'));
  },
};

/** Library and binding are in one folder, so that $ORIGIN finds the library from the binding. */
function placeOf(/** @type {string} */ entry) {
  const name = entry.replace('tensorflow/', '');
  if (libraries.includes(name)) return `lib/napi-v8/${name}`;
  const header = name.replace('include/', '');
  return name.startsWith('include/') && name.endsWith('.h') && headers.some((prefix) => header.startsWith(prefix))
    ? name
    : null;
}

async function compile(/** @type {string} */ include, /** @type {string} */ library) {
  const source = join(packageFolder, 'binding');
  const { failure } = await finish('g++', [
    ...['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
    ...[include, inModules('node-api-headers', 'include'), source].map((folder) => `-I${folder}`),
    ...[join(source, 'tfjs_backend.cc'), join(source, 'tfjs_binding.cc'), '-o', join(library, 'tfjs_binding.node')],
    ...[`-L${library}`, ...libraries.map((name) => `-l:${name}`), '-Wl,-rpath,$ORIGIN'],
  ]);
  if (failure) throw new Error(`the TensorFlow binding could not be compiled: ${failure}`);
}

/** Tests the binding by a matrix product, before it is put into use. */
async function tryOut(/** @type {string} */ binding) {
  const script = `
    const b = require(${JSON.stringify(binding)});
    const a = b.createTensor([2, 2], b.TF_FLOAT, new Float32Array([1, 2, 3, 4]));
    const no = (name) => ({ name, type: b.TF_ATTR_BOOL, value: false });
    const [out] = b.executeOp('MatMul', [no('transpose_a'), no('transpose_b'), { name: 'T', type: b.TF_ATTR_TYPE, value: b.TF_FLOAT }], [a, a], 1);
    if (String(b.tensorDataSync(out.id)) !== '7,10,15,22') throw new Error('wrong product');`;
  const { failure } = await finish(node24() ?? process.execPath, ['-e', script], { limitMs: 120_000 });
  if (failure) throw new Error(`TensorFlow was built but does not run: ${failure}`);
}

function linkTo(/** @type {string} */ target) {
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link, { recursive: true, force: true });
  symlinkSync(target, link, 'dir');
}

/** macOS and Windows: the package's installer, for the CPU only (its GPU build needs CUDA 11). */
async function installByPackage(/** @type {(text: string) => void} */ log) {
  log('Installing TensorFlow with the installer of tfjs-node');
  const node = node24() ?? process.execPath;
  const path = [dirname(node), inModules('.bin'), process.env.PATH].join(delimiter); // it calls node-pre-gyp by name
  const { failure } = await finish(node, [join('scripts', 'install.js'), 'cpu', 'download'], {
    cwd: packageFolder,
    limitMs: 900_000,
    env: { ...process.env, PATH: path },
  });
  if (failure) throw new Error(`TensorFlow could not be installed: ${failure}`);
  await tryOut(join(link, 'napi-v8', 'tfjs_binding.node'));
}
