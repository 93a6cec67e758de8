/**
 * Loaded before the program (`node --import`): a library that is missing or cannot be loaded ends it with one sentence and what mends it, and not with a stack
 * trace. `doctor` then still tells of every other part.
 */
import { isShipped } from './setup/repository.mjs';

const codes = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'];
const ownSentence = /^Could not load the "(\S+)" module/; // sharp's

/** @returns {string | null} the library that a failed load is about; null when the error is of another kind */
export function libraryOf(/** @type {NodeJS.ErrnoException} */ { code = '', message = '', stack = '' }) {
  const own = ownSentence.exec(message);
  if (own) return own[1];
  if (!codes.includes(code)) return null;
  const named =
    /Cannot find (?:package|module) '([^'./][^']*)'/.exec(message) ??
    /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(`${message}\n${stack}`);
  return named ? named[1] : code === 'ERR_DLOPEN_FAILED' ? message.split('\n')[0] : null;
}

/** Says which library is missing, and ends the process. */
async function report(/** @type {NodeJS.ErrnoException} */ error) {
  const library = libraryOf(error);
  if (library === null) {
    if (process.listenerCount('uncaughtException') > 1) return; // the program has its own word on it
    process.stderr.write(`${error?.stack ?? error}\n`);
    process.exit(1);
  }
  const mend = isShipped()
    ? 'Install Winnow again.'
    : 'Install the libraries again: npm ci. Then see whether anything else is missing: npm start -- doctor';
  process.stderr.write(`The library ‘${library}’ is missing or cannot be loaded. ${mend}\n`);
  if (process.argv[2] === 'doctor') {
    // It needs few libraries itself. Where one of these is missing, the sentence has said it.
    await import('./command/doctor.ts').then(({ doctorCommand }) => doctorCommand({})).catch(() => {});
  }
  process.exit(1);
}

process.on('uncaughtException', (error) => void report(error));
