/**
 * strace, for the test that Winnow makes no network connections. Linux only; that test is skipped where strace is not available.
 */
import { existsSync } from 'node:fs';
import { aptCommand, aptInstall } from '../apt.mjs';

const packages = ['strace'];
const path = '/usr/bin/strace';

/** @returns {string | null} */
export function tracerPath() {
  return process.platform === 'linux' && existsSync(path) ? path : null;
}

/** @type {import('./index.mjs').Piece} */
export const tracer = {
  id: 'tracer',
  title: 'tracer for the tests',
  essential: false,
  mend: aptCommand(packages),
  async check() {
    if (process.platform !== 'linux')
      return { state: 'optional', version: null, detail: 'not available for this system' };
    if (!tracerPath()) return { state: 'missing', version: null, detail: 'needed by one test only' };
    return { state: 'ready', version: null, detail: path };
  },
  async provide(say) {
    await aptInstall(packages, 'a tracer for the tests', say);
  },
};
