/**
 * The native image reader (src-main/native): our C++ files, compiled on this machine once for each version of their sources, with the shared libraries of
 * libjpeg-turbo, libpng and libwebp from Pillow's wheel and their headers from a package of sharp. No root is needed.
 * This component is optional: without it, sharp reads all images, and small ones take several times as long.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { buildOnce, builtFolder } from '../build-once.mjs';
import { finish } from '../child.mjs';
import { fetchTarball, fetchWheel } from '../fetch-package.mjs';
import { inModules, isShipped, node24, platform, root } from '../repository.mjs';
import { unzip } from '../unzip.mjs';

const sourceFolder = join(root, 'src-main', 'native');
const link = join(root, 'dist', 'native'); // where native/index.ts looks

/** One wheel per platform. Its Python version does not matter, since only the libraries are used. */
const wheels = /** @type {Record<string, import('../fetch-package.mjs').Pinned & { tags: string[] }>} */ ({
  'linux-x64': {
    name: 'pillow',
    version: '13.0.0',
    tags: ['--python-version', '3.12', '--implementation', 'cp', '--platform', 'manylinux_2_28_x86_64'],
    sha256: '42d63be3af4f9b951b199b0a9d23365d37ab14687e6d77b74940432c8515c4ca',
    bytes: 7_144_542,
  },
});
const headers = {
  name: '@img/sharp-libvips-dev',
  version: '1.3.4',
  sha256: 'e9dd5562c219d44cab7ce811906773a1354b583ed4bfa5115e1cdc954a0290aa',
  bytes: 2_009_303,
};
const usedHeaders = ['jpeglib.h', 'jmorecfg.h', 'png.h', 'pngconf.h', 'pnglibconf.h', 'webp'];
const usedLibraries = /^pillow\.libs\/((?:libjpeg|libpng16|libwebp|libsharpyuv)-[^/]+)$/;
const licences = /^pillow-[^/]+\/licenses\/LICENSE$/;

const flags = [
  ...['-std=c++17', '-O3', '-march=x86-64-v3', '-fno-math-errno', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
  '-ffp-contract=off', // results equal those of TypeScript bit by bit
  ...['-static-libstdc++', '-static-libgcc', '-Wl,-rpath,$ORIGIN'],
];

function sources() {
  return readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort();
}

function folderName() {
  const hash = createHash('sha256').update([...flags, wheels[platform].sha256, headers.sha256].join(' '));
  for (const name of sources()) hash.update(name).update(readFileSync(join(sourceFolder, name)));
  return `native-${platform}-${hash.digest('hex').slice(0, 16)}`;
}

const withoutIt = 'sharp reads all images, small ones several times slower';

/** @type {import('./index.mjs').Piece} */
export const native = {
  id: 'native',
  title: 'native image reader',
  essential: false,
  mend: 'npm start -- setup native',
  async check() {
    if (isShipped()) {
      const state = existsSync(link) ? 'ready' : 'optional';
      return { state, version: null, detail: state === 'ready' ? 'part of the installed program' : withoutIt };
    }
    if (!wheels[platform])
      return { state: 'optional', version: null, detail: `there is none for ${platform}: ${withoutIt}` };
    if (!hasAvx2()) return { state: 'optional', version: null, detail: `it needs a processor with AVX2: ${withoutIt}` };
    if (linked() === builtFolder(folderName())) return { state: 'ready', version: null, detail: link };
    if (!existsSync(builtFolder(folderName())) && !hasCompiler())
      return { state: 'optional', version: null, detail: `it needs a C++ compiler (g++): ${withoutIt}` };
    return { state: 'missing', version: null, detail: withoutIt };
  },
  async provide({ log }) {
    if (!wheels[platform]) return;
    unlink(); // that of an earlier version: if this one cannot be built, there is none
    const built = await buildOnce(folderName(), async (folder, scratch) => {
      log('Compiling the native image reader (once per version)');
      const include = await fetchHeaders(join(scratch, 'headers'));
      await fetchLibraries(folder, join(scratch, 'wheel'));
      await compile(folder, include);
      await tryOut(join(folder, 'image.node'));
    });
    unlink();
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(built, link, 'dir');
  },
};

async function fetchHeaders(/** @type {string} */ scratch) {
  mkdirSync(scratch);
  const tarball = await fetchTarball(headers, scratch);
  const { failure } = await finish('tar', ['-xzf', tarball, '-C', scratch]);
  if (failure) throw new Error(`${headers.name} could not be unpacked: ${failure}`);
  const include = join(scratch, 'used');
  for (const name of usedHeaders)
    cpSync(join(scratch, 'package', 'include', name), join(include, name), { recursive: true });
  return include;
}

async function fetchLibraries(/** @type {string} */ folder, /** @type {string} */ scratch) {
  mkdirSync(scratch);
  const wheel = await fetchWheel(wheels[platform], scratch);
  await unzip(wheel, folder, (name) => usedLibraries.exec(name)?.[1] ?? (licences.test(name) ? 'LICENSES' : null));
}

async function compile(/** @type {string} */ folder, /** @type {string} */ include) {
  // Our configuration of libjpeg comes before those of the package.
  const folders = [join(sourceFolder, 'config'), include, inModules('node-api-headers', 'include')];
  const libraries = readdirSync(folder).filter((name) => /^lib(jpeg|png16|webp)-/.test(name));
  const { failure } = await finish('g++', [
    ...[...flags, ...folders.map((path) => `-I${path}`)],
    ...sources()
      .filter((name) => name.endsWith('.cc'))
      .map((name) => join(sourceFolder, name)),
    ...['-o', join(folder, 'image.node'), `-L${folder}`, `-Wl,-rpath-link,${folder}`],
    ...libraries.map((name) => `-l:${name}`),
  ]);
  if (failure) throw new Error(`it could not be compiled: ${failure}`);
}

/** Reads a PNG of one red pixel, and then the JPEG that was made of it. */
async function tryOut(/** @type {string} */ addon) {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC';
  const script = `
    const reader = require(${JSON.stringify(addon)});
    (async () => {
      const thumb = await reader.thumbnail(Buffer.from('${png}', 'base64'), 256, 85);
      const [red, green] = await reader.rectangle(thumb.bytes, 1, 1);
      if (red < 250 || green > 5) throw new Error('wrong pixels');
    })();`;
  const { failure } = await finish(node24() ?? process.execPath, ['-e', script], { limitMs: 60_000 });
  if (failure) throw new Error(`it was built but does not run: ${failure}`);
}

function hasAvx2() {
  try {
    return /^flags\s*:.* avx2 .*\bfma\b|^flags\s*:.*\bfma\b.* avx2 /m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

function hasCompiler() {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'g++')));
}

function unlink() {
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link, { recursive: true, force: true });
}

function linked() {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}
