/**
 * A virtual display (Xvfb, by `xvfb-run`) for tests of the window on machines without a display.
 */
import { existsSync } from 'node:fs';
import { aptCommand, aptInstall } from '../apt.mjs';

const packages = ['xvfb', 'xauth'];

/** @returns {boolean} whether the machine has a display */
export function hasDisplay(env = process.env) {
  return process.platform === 'darwin' || process.platform === 'win32' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** @type {import('./index.mjs').Piece} */
export const screen = {
  id: 'screen',
  title: 'display for the tests',
  essential: true,
  mend: aptCommand(packages),
  async check() {
    if (hasDisplay()) return { state: 'ready', version: null, detail: 'a display is available' };
    if (existsSync('/usr/bin/xvfb-run')) return { state: 'ready', version: null, detail: 'Xvfb' };
    return {
      state: 'missing',
      version: null,
      detail: 'no display and no Xvfb; needed by the tests of the window only',
    };
  },
  async provide(say) {
    await aptInstall(packages, 'a display for the tests', say);
  },
};
