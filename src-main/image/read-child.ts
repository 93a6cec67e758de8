/**
 * The process of a reader: reads the requested images and sends the results or errors. It may be killed at any time, since some decoders cannot be interrupted. It
 * kills itself when its engine is gone.
 */
import { writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { setDecodeTimeout } from './raw.ts';
import { readImage } from './read.ts';
import { aliveEveryMs, resultsEach, type Limits, type Requests, type Results } from './reader.ts';
import { faultOf } from './thrown.ts';
import { Budget, pixelBudget } from './budget.ts';

const limits = JSON.parse(process.argv[2]) as Limits;
pixelBudget.resize(limits.pixelBudgetSize);
setDecodeTimeout(limits.stuckAfterMs);

const kill = () => void process.kill(process.pid, 'SIGKILL'); // a normal exit would wait for the decoder
const send = (results: Results) => void (process.connected && process.send?.(results));

/** A result waits for others this long. */
const sendWithinMs = 25;
const turn = new Budget(limits.atOnce);
let results: Results = [];
let open = 0;
let timer: NodeJS.Timeout | undefined;

function sendAll() {
  clearTimeout(timer);
  timer = undefined;
  send(results);
  results = [];
}

async function answer({ id, request }: Requests[number]) {
  open++;
  const result = await turn
    .hold(1, () => readImage(request))
    .then(
      (reading) => ({ id, reading }),
      (error: unknown) => ({ id, fault: faultOf(error) }),
    );
  open--;
  results.push(result);
  if (results.length >= resultsEach || !open || ('fault' in result && result.fault.isStuck)) sendAll();
  else timer ??= setTimeout(sendAll, sendWithinMs);
}

process.on('disconnect', kill);
// Ctrl+C in a terminal reaches the whole process group. The engine handles it and ends this process.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
setInterval(() => send([]), aliveEveryMs);

process.on('message', (requests: Requests) => {
  for (const request of requests) void answer(request);
});
send([]);
if (process.platform === 'linux') {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500'); // when memory runs out, the system kills this process before others
  } catch {
    // Not every system allows it.
  }
}
flushCompileCache(); // a killed process would not save its compile cache
