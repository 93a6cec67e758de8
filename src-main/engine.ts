/** The engine process: listens on its own pipe, prints the pipe's path in one line, and exits with its parent process. */
import { guard } from './door/guard.ts';
import { listenOnPipe } from './door/pipe.ts';
import { exitNow } from './file/gate.ts';

/** Decisions are on disk: work that does not stop in time is abandoned. */
const endWithinMs = 8000;

guard();
const { pipe, close } = await listenOnPipe();
let closing = false;
const end = () => {
  if (closing) return;
  closing = true;
  setTimeout(() => exitNow(1), endWithinMs).unref();
  void close().then(() => exitNow(0));
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
process.stdin.on('end', end).on('error', end).resume(); // the parent holds the other end: when it dies, so do we
process.stdout.write(`${JSON.stringify({ ready: true, pipe })}\n`);
