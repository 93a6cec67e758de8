/**
 * Builds the page (Vite) and the window's two files (esbuild, since Electron's own Node cannot run TypeScript and a sandboxed
 * preload must be CommonJS). They are rebuilt only if a source has changed; esbuild reports the sources of its bundles.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { finish } from '../child.mjs';
import { inModules, isShipped, node24, root, versionOf } from '../repository.mjs';

const stamp = join(root, 'dist', 'built.json');
const pageSources = ['src-renderer', 'src-main/contract', 'vite.config.ts', 'package-lock.json'];
const bundles = [
  { source: 'src-main/app.ts', target: 'dist/app/app.mjs', format: 'esm' },
  { source: 'src-main/preload.ts', target: 'dist/app/preload.cjs', format: 'cjs' },
];
// Bundled CommonJS libraries call require(), which ES modules do not have.
const banner =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

/** @type {import('./index.mjs').Piece} */
export const renderer = {
  id: 'renderer',
  title: 'page and window',
  essential: true,
  mend: 'npm start -- setup renderer',
  async check() {
    if (isShipped()) return { state: 'ready', version: null, detail: 'part of the installed program' };
    const built = readStamp();
    if (built && built.hash === hashOf(built.sources))
      return { state: 'ready', version: null, detail: `dist/, built ${built.at}` };
    return {
      state: 'missing',
      version: null,
      detail: built ? 'a source has changed since the last build' : 'not built yet',
    };
  },
  async provide({ log }) {
    const startedAt = Date.now();
    rmSync(stamp, { force: true });
    const sources = new Set(pageSources);
    if (existsSync(join(root, 'vite.config.ts')) && existsSync(join(root, 'src-renderer', 'index.html'))) {
      await build(['vite/bin/vite.js', 'build', '--logLevel', 'warn']);
    } else log('  the page is not built: src-renderer/index.html or vite.config.ts is missing');
    mkdirSync(join(root, 'dist', 'app'), { recursive: true });
    for (const { source, target, format } of bundles) {
      sources.add(source);
      if (!existsSync(join(root, source))) {
        log(`  ${target} is not built: ${source} is missing`);
        continue;
      }
      const metafile = join(root, 'dist', 'app', `${format}.json`);
      await build([
        ...[
          'esbuild/bin/esbuild',
          source,
          '--bundle',
          '--platform=node',
          '--target=node20',
          `--format=${format}`,
          '--external:electron',
        ],
        ...['--sourcemap', '--log-level=warning', `--outfile=${target}`, `--metafile=${metafile}`],
        ...(format === 'esm' ? [`--banner:js=${banner}`] : []),
      ]);
      for (const input of Object.keys(JSON.parse(readFileSync(metafile, 'utf8')).inputs)) {
        if (!input.startsWith('node_modules') && !input.startsWith('..')) sources.add(input);
      }
    }
    const list = [...sources].sort();
    writeFileSync(
      stamp,
      `${JSON.stringify({ hash: hashOf(list), sources: list, at: new Date().toISOString() }, null, 1)}\n`,
    );
    log(`Built the page and the window in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  },
};

async function build(/** @type {string[]} */ [tool, ...args]) {
  const { failure } = await finish(node24() ?? process.execPath, [inModules(...tool.split('/')), ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
  });
  if (failure) throw new Error(`the build failed: ${failure}`);
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stamp, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * @param {string[]} sources files and folders, relative to the repository
 * @returns {string} a hash of all names and contents
 */
export function hashOf(sources, base = root) {
  const hash = createHash('sha256').update(`vite ${versionOf('vite')} esbuild ${versionOf('esbuild')}\n`);
  for (const source of sources) {
    for (const path of filesUnder(join(base, source))) {
      hash
        .update(`${relative(base, path).replaceAll('\\', '/')}\0`)
        .update(readFileSync(path))
        .update('\0');
    }
  }
  return hash.digest('hex');
}

/** @returns {string[]} the file itself, or all files in a folder, sorted; empty if it does not exist */
function filesUnder(/** @type {string} */ path) {
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return existsSync(path) ? [path] : [];
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(path, entry.name)) : [join(path, entry.name)]));
}
