/**
 * The engine's side of `decode-worker.ts`: starts the thread at the first file that needs it, hands it one file at a time, ends it when a
 * file takes too long or it has had nothing to do for a while. The next file starts a new one.
 */
import { Worker } from 'node:worker_threads';
import type { Answer, WorkerFormat, Order } from './decode-worker.ts';
import { corrupt, DecodeError, maxSeconds, type Raw } from './raw.ts';

const idleSeconds = 20;

/** `id` tells its answer from that of an order before, which may come late. */
interface Pending {
  id: number;
  resolve(raw: Raw): void;
  reject(error: DecodeError): void;
}

let worker: Worker | null = null;
let pending: Pending | null = null;
let lastId = 0;
let idle: NodeJS.Timeout | undefined;
let turn: Promise<unknown> = Promise.resolve();

/** Decodes in the other thread. Throws DecodeError. */
export function decodeInWorker(format: WorkerFormat, bytes: Buffer): Promise<Raw> {
  const mine = turn.then(() => decode({ id: ++lastId, format, bytes }));
  turn = mine.catch(() => undefined);
  return mine;
}

async function decode(order: Order): Promise<Raw> {
  clearTimeout(idle);
  worker ??= start();
  worker.ref();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Raw>((resolve, reject) => {
      pending = { id: order.id, resolve, reject };
      timer = setTimeout(() => {
        reject(new DecodeError('too-slow', `Reading took longer than ${maxSeconds} s.`));
        end(); // only so does a hang end
      }, maxSeconds * 1000);
      worker?.postMessage(order);
    });
  } finally {
    pending = null;
    clearTimeout(timer);
    worker?.unref();
    idle = setTimeout(end, idleSeconds * 1000).unref();
  }
}

function start(): Worker {
  // What libraries print is kept from standard output, where a command's JSON may go; it is not read, since reading would hold the process.
  const started = new Worker(new URL('./decode-worker.ts', import.meta.url), {
    stdout: true,
    stderr: true,
    execArgv: [],
  });
  started.on('message', (answer: Answer) => {
    const asked = pending;
    if (worker !== started || asked?.id !== answer.id) return; // of a thread that was ended, or of an image that was given up
    if ('raw' in answer) asked.resolve(answer.raw);
    else {
      asked.reject(
        answer.refused.code
          ? new DecodeError(answer.refused.code, answer.refused.message)
          : corrupt(answer.refused.message),
      );
      if (!answer.refused.code) end(); // the memory of a WebAssembly decoder that threw is not trusted again
    }
  });
  // The thread is lost: out of memory, or ended by itself.
  const lost = (error: DecodeError) => {
    if (worker !== started) return;
    worker = null;
    pending?.reject(error);
  };
  started.on('error', (error: NodeJS.ErrnoException) =>
    lost(
      error.code === 'ERR_WORKER_OUT_OF_MEMORY'
        ? new DecodeError('too-large', 'The image needs more memory than a decoder is given.')
        : corrupt(error.message),
    ),
  );
  started.on('exit', () => lost(corrupt('its decoder ended')));
  return started;
}

function end(): void {
  const ended = worker;
  worker = null;
  void ended?.terminate();
}
