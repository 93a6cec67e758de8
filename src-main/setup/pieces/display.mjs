/**
 * The system libraries that Electron links to on Linux. The check asks the loader (`ldd` on the Electron binary) instead of
 * the package manager, so that it works on every distribution.
 */
import { aptCommand, aptInstall, hasTime64Names } from '../apt.mjs';
import { finish } from '../child.mjs';
import { isShipped } from '../repository.mjs';
import { electronPath } from './electron.mjs';

const t64 = hasTime64Names() ? 't64' : '';
const packages = [
  'libvulkan1',
  `libgtk-3-0${t64}`,
  'libnss3',
  `libasound2${t64}`,
  'libgbm1',
  `libatk-bridge2.0-0${t64}`,
  'libxss1',
  'libxtst6',
];

/** @type {import('./index.mjs').Piece} */
export const display = {
  id: 'display',
  title: 'libraries for the window',
  essential: true,
  mend: aptCommand(packages),
  async check() {
    if (process.platform !== 'linux') return { state: 'ready', version: null, detail: 'part of the system' };
    if (isShipped()) return { state: 'ready', version: null, detail: 'required by the installed program' };
    const electron = electronPath();
    if (!electron) return { state: 'missing', version: null, detail: 'unknown until Electron is installed' };
    const { stdout, failure } = await finish('ldd', [electron], { limitMs: 20_000 });
    if (failure) return { state: 'broken', version: null, detail: failure };
    const absent = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
    if (absent.length > 0) return { state: 'missing', version: null, detail: `Electron needs ${absent.join(', ')}` };
    return { state: 'ready', version: null, detail: 'all libraries that Electron links to are installed' };
  },
  async provide(say) {
    await aptInstall(packages, 'libraries that the window needs', say);
    const { state, detail } = await this.check();
    if (state !== 'ready') throw new Error(detail);
  },
};
