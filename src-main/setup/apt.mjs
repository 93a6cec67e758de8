/**
 * Installs Debian and Ubuntu packages if we are root; otherwise reports the command to run. Setup changes nothing else on
 * the system.
 */
import { existsSync, readFileSync } from 'node:fs';
import { finish } from './child.mjs';

/** @returns {string} the command that installs these packages */
export function aptCommand(/** @type {string[]} */ packages) {
  return `${isRoot() ? '' : 'sudo '}apt-get install -y ${packages.join(' ')}`;
}

/**
 * @param {string[]} packages @param {string} purpose what they are for, in a few words
 * @param {import('./pieces/index.mjs').Say} say
 */
export async function aptInstall(packages, purpose, { log, progress }) {
  if (!existsSync('/usr/bin/apt-get'))
    throw new Error(
      `${purpose}: this system has no apt-get; install the packages that correspond to ${packages.join(' ')}`,
    );
  if (!isRoot()) throw new Error(`${purpose}: please run: ${aptCommand(packages)}`);
  log(`Installing ${packages.join(' ')} (${purpose})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // An old package list names files that no longer exist, so it is updated each time (a few seconds).
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const bar = progress(`apt-get ${args[0]}`, 0);
    const { failure } = await finish('apt-get', args, { env, limitMs: 900_000, onTick: () => bar.at(0) });
    bar.done();
    if (failure && args[0] === 'install') throw new Error(`${purpose}: ${failure}`);
  }
}

function isRoot() {
  return process.getuid?.() === 0;
}

/** GTK, ALSA and ATK changed their package names with 64-bit time in Debian 13 and Ubuntu 24.04. */
export function hasTime64Names() {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    const version = Number(/^VERSION_ID="?(\d+)/m.exec(release)?.[1] ?? 0);
    return /^ID=debian$/m.test(release) ? version >= 13 : /ubuntu/.test(release) && version >= 24;
  } catch {
    return false;
  }
}
