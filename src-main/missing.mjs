/**
 * Loaded before the program (`node --import`): if a library is missing or cannot be loaded, the program exits with a message and the repair command instead of
 * a stack trace. `doctor` still reports all other components.
 */
import { isShipped } from './setup/repository.mjs';

const codes = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'];
const sharpMessage = /^Could not load the "(\S+)" module/;

/** @returns {string | null} the library that could not be loaded; null for other errors */
export function libraryOf(/** @type {NodeJS.ErrnoException} */ { code = '', message = '', stack = '' }) {
  const fromSharp = sharpMessage.exec(message);
  if (fromSharp) return fromSharp[1];
  if (!codes.includes(code)) return null;
  const named =
    /Cannot find (?:package|module) '([^'./][^']*)'/.exec(message) ??
    /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(`${message}\n${stack}`);
  return named ? named[1] : code === 'ERR_DLOPEN_FAILED' ? message.split('\n')[0] : null;
}

/** Reports which library is missing, and exits. */
async function report(/** @type {NodeJS.ErrnoException} */ error) {
  const library = libraryOf(error);
  if (library === null) {
    if (process.listenerCount('uncaughtException') > 1) return; // the program handles it
    process.stderr.write(`${error?.stack ?? error}\n`);
    process.exit(1);
  }
  const repair = isShipped()
    ? 'Install Winnow again.'
    : 'Install the libraries again: npm ci. Then check for other problems: npm start -- doctor';
  process.stderr.write(`The library ‘${library}’ is missing or cannot be loaded. ${repair}\n`);
  if (process.argv[2] === 'doctor') {
    // It needs few libraries. If one of these is missing, the message above has reported it.
    await import('./command/doctor.ts').then(({ doctorCommand }) => doctorCommand({})).catch(() => {});
  }
  process.exit(1);
}

process.on('uncaughtException', (error) => void report(error));
