/**
 * The two folders Winnow owns on a user's machine: the cache, which holds what can be fetched again
 * (TensorFlow, Electron), and the data folder, which holds what cannot (workspaces, decisions, runs).
 * Both can be moved by an environment variable, so that a test or a second user never meets the first's.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** @returns {string} what can be fetched again */
export function cacheFolder() {
  const { WINNOW_CACHE, XDG_CACHE_HOME } = process.env;
  if (WINNOW_CACHE) return WINNOW_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Winnow');
  if (process.platform === 'win32') return join(localAppData(), 'Winnow', 'Cache');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'winnow');
}

/** @returns {string} what only the user has: workspaces with their decisions, and trained runs */
export function dataFolder() {
  const { WINNOW_DATA, XDG_DATA_HOME } = process.env;
  if (WINNOW_DATA) return WINNOW_DATA;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Winnow');
  if (process.platform === 'win32') return join(localAppData(), 'Winnow', 'Data');
  return join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'winnow');
}

function localAppData() {
  return process.env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local');
}
