/**
 * Node 24, the engine's runtime. `npm ci` installs it as an optional package with the executable, so there is nothing to
 * install here: this component only reports a clear error if it is missing.
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
      detail: `the package for ${platform} is not in node_modules${existsSync(inModules()) ? '; was npm run with --omit=optional?' : ''}`,
    };
  },
  async provide() {
    throw new Error((await this.check()).detail);
  },
};

function packageOf(/** @type {string} */ path) {
  return path.slice(inModules().length + 1).split(/[\\/]/)[0];
}
