/** The engine process: listens on a pipe of its own, names it in one line, and ends with the process that started it. */
import { guard } from './door/guard.ts';
import { listenOnPipe } from './door/pipe.ts';
import { exitNow } from './file/gate.ts';

/** What is confirmed is on the disk: work that does not let itself be ended is left. */
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
