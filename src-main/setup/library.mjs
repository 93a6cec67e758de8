/** Errors of loading a library: which one it is, and what to do. */
import { isShipped } from './repository.mjs';

const codes = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'];
const sharpMessage = /^Could not load the "(\S+)" module/;

/** @returns {string | null} the library that could not be loaded; null for other errors */
export function libraryOf(/** @type {NodeJS.ErrnoException} */ { code = '', message = '', stack = '' }) {
  const fromSharp = sharpMessage.exec(message);
  if (fromSharp) return fromSharp[1];
  if (!codes.includes(code)) return null;
  const named =
    /Cannot find (?:package|module) '((?:@[^'/]+\/)?[^'@./][^'/]*)/.exec(message) ??
    /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(`${message}\n${stack}`);
  return named ? named[1] : code === 'ERR_DLOPEN_FAILED' ? message.split('\n')[0] : null;
}

/** @returns {string} a message for people */
export function missingLibrary(/** @type {string} */ library) {
  const repair = isShipped()
    ? 'Install Winnow again.'
    : 'Install the libraries again: npm ci. Then check for other problems: npm start -- doctor';
  return `The library ‘${library}’ is missing or cannot be loaded. ${repair}`;
}
