/**
 * Chromium for the end-to-end tests in a browser: the one of Playwright if it is installed, else the system's.
 */
import { existsSync } from 'node:fs';
import { aptCommand, aptInstall } from '../apt.mjs';
import { finish } from '../child.mjs';
import { require } from '../repository.mjs';

const fromSystem = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'];

/** @returns {string | null} */
export function browserPath() {
  try {
    const own = require('playwright').chromium.executablePath();
    if (existsSync(own)) return own;
  } catch {} // not installed (`npm ci --omit=dev`), or no build for this platform
  return fromSystem.find((path) => existsSync(path)) ?? null;
}

/** @type {import('./index.mjs').Piece} */
export const browser = {
  id: 'browser',
  title: 'browser for the tests',
  essential: true,
  mend: existsSync('/usr/bin/apt-get') ? aptCommand(['chromium']) : 'npx playwright install chromium',
  async check() {
    const path = browserPath();
    if (!path) return { state: 'missing', version: null, detail: 'needed by the tests only' };
    const { stdout } =
      process.platform === 'linux' ? await finish(path, ['--version'], { limitMs: 10_000 }) : { stdout: '' };
    return { state: 'ready', version: /[\d.]+/.exec(stdout)?.[0] ?? null, detail: path };
  },
  async provide(say) {
    await aptInstall(['chromium'], 'a browser for the tests', say);
  },
};
