/**
 * Loaded before the program (`node --import`): if a library is missing or cannot be loaded, the program exits with a message and the repair command instead of
 * a stack trace. `doctor` still reports all other components.
 */
import { libraryOf, missingLibrary } from './setup/library.mjs';

/** Reports which library is missing, and exits. */
async function report(/** @type {NodeJS.ErrnoException} */ error) {
  const library = libraryOf(error);
  if (library === null) {
    if (process.listenerCount('uncaughtException') > 1) return; // the program handles it
    process.stderr.write(`${error?.stack ?? error}\n`);
    process.exit(1);
  }
  process.stderr.write(`${missingLibrary(library)}\n`);
  if (process.argv[2] === 'doctor') {
    // It needs few libraries. If one of these is missing, the message above has reported it.
    await import('./command/doctor.ts').then(({ doctorCommand }) => doctorCommand({})).catch(() => {});
  }
  process.exit(1);
}

process.on('uncaughtException', (error) => void report(error));
