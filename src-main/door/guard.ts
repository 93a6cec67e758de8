/**
 * Logs uncaught errors to standard error and keeps the engine running. Decisions are on disk before they are confirmed, so
 * continuing loses nothing; exiting would end all other clients and jobs.
 */
import { explain } from '../contract/errors.ts';

/** One line for the log; with WINNOW_DEBUG the stack too. */
export function report(where: string, error: unknown) {
  const { message } = explain(error);
  process.stderr.write(`winnow: ${where}: ${message}\n`);
  if (process.env.WINNOW_DEBUG) console.error(error);
}

/** For processes that serve others: engine and `serve`. */
export function guard() {
  process.on('uncaughtException', (error) => report('unexpected', error));
  process.on('unhandledRejection', (error) => report('unexpected', error));
}
