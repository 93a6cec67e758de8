/**
 * The process of a reader: reads the requested images and sends the results or errors. It may be killed at any time, since some decoders cannot be interrupted. It
 * kills itself when its engine is gone.
 */
import { writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setDecodeTimeout } from './raw.ts';
import { readImage } from './read.ts';
import { aliveEveryMs, type Answer, type ReadMessage, type Limits } from './reader.ts';
import { faultOf } from './thrown.ts';
import { pixelBudget } from './budget.ts';

const limits = JSON.parse(process.argv[2]) as Limits;
pixelBudget.resize(limits.pixelBudgetSize);
setDecodeTimeout(limits.stuckAfterMs);

const kill = () => void process.kill(process.pid, 'SIGKILL'); // a normal exit would wait for the decoder
const send = (answer: Answer) => void (process.connected && process.send?.(answer));

process.on('disconnect', kill);
// Ctrl+C in a terminal reaches the whole process group. The engine handles it and ends this process.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
setInterval(() => send({ alive: true }), aliveEveryMs);

process.on('message', ({ id, request }: ReadMessage) => {
  readImage(request).then(
    (reading) => send({ id, reading }),
    (error: unknown) => send({ id, fault: faultOf(error) }),
  );
});
send({ alive: true });
if (process.platform === 'linux') {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500'); // when memory runs out, the system kills this process before others
  } catch {
    // Not every system allows it.
  }
}
flushCompileCache(); // a killed process would not save its compile cache
