/**
 * The two folders that Winnow uses outside the checkout: the cache, for files that can be downloaded again (TensorFlow,
 * Electron), and the data folder, for everything else (workspaces, decisions, runs). Environment variables move them, so
 * that tests and users do not share them.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** @returns {string} the folder for files that can be downloaded again */
export function cacheFolder() {
  const { WINNOW_CACHE, XDG_CACHE_HOME } = process.env;
  if (WINNOW_CACHE) return WINNOW_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Winnow');
  if (process.platform === 'win32') return join(localAppData(), 'Winnow', 'Cache');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'winnow');
}

/** @returns {string} the folder for the user's own data: workspaces with decisions and trained runs */
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
