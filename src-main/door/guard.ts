/**
 * What still goes wrong where nobody awaits it: written to standard error, and the engine goes on. A decision is on the disk before it is confirmed, so
 * that nothing is lost by going on; ending would take every other page and job along.
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
