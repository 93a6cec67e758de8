/**
 * A tracer for the test that nothing is asked outside this machine: strace. Linux only; elsewhere, and where it cannot be installed, that test says that it
 * does not run.
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
      return { state: 'optional', version: null, detail: 'there is none for this system' };
    if (!tracerPath()) return { state: 'missing', version: null, detail: 'only one test needs it' };
    return { state: 'ready', version: null, detail: path };
  },
  async provide(say) {
    await aptInstall(packages, 'a tracer for the tests', say);
  },
};
