/**
 * Node 24, the engine's runtime. It comes with `npm ci` as an optional package that carries the binary, so there is
 * nothing to provide here: this piece only says plainly what is wrong when it is absent.
 */
import { existsSync } from 'node:fs';
import { inModules, node24, platform, supportedPlatforms, versionOf } from '../repository.mjs';

/** @type {import('./index.mjs').Piece} */
export const node = {
  id: 'node',
  title: 'Node 24',
  essential: true,
  mend: 'npm ci',
  async check() {
    const path = node24();
    if (path) return { state: 'ready', version: versionOf(packageOf(path)) ?? process.versions.node, detail: path };
    if (!supportedPlatforms().includes(platform)) {
      return {
        state: 'broken',
        version: null,
        detail: `Winnow has no Node 24 for ${platform}, only for ${supportedPlatforms().join(', ')}`,
      };
    }
    return {
      state: 'missing',
      version: null,
      detail: `the package for ${platform} is not in node_modules${existsSync(inModules()) ? '; was npm told to omit optional packages?' : ''}`,
    };
  },
  async provide() {
    throw new Error((await this.check()).detail);
  },
};

function packageOf(/** @type {string} */ path) {
  return path.slice(inModules().length + 1).split(/[\\/]/)[0];
}
