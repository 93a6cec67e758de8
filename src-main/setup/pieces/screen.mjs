/**
 * A screen for the tests of the window on a machine that has none: Xvfb, by its `xvfb-run`.
 */
import { existsSync } from 'node:fs';
import { aptCommand, aptInstall } from '../apt.mjs';

const packages = ['xvfb', 'xauth'];

/** @returns {boolean} whether a window can be shown to somebody */
export function hasDisplay(env = process.env) {
  return process.platform === 'darwin' || process.platform === 'win32' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** @type {import('./index.mjs').Piece} */
export const screen = {
  id: 'screen',
  title: 'screen for the tests',
  essential: true,
  mend: aptCommand(packages),
  async check() {
    if (hasDisplay()) return { state: 'ready', version: null, detail: 'a display is there' };
    if (existsSync('/usr/bin/xvfb-run')) return { state: 'ready', version: null, detail: 'Xvfb' };
    return { state: 'missing', version: null, detail: 'no display and no Xvfb; only the tests of the window need one' };
  },
  async provide(say) {
    await aptInstall(packages, 'a screen for the tests', say);
  },
};
