/**
 * The engine's side of the compute process: starts it when first called, hands calls over, starts it anew after a crash. A cancel
 * that the process does not answer in time (it may sit in one long native call) ends the process; a resume goes on from its
 * checkpoint. Imports no tensors.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Calls, ComputeErrorCode, FromCompute, Request } from './protocol.ts';

const answerWithinMs = 900;

export class ComputeError extends Error {
  readonly code: ComputeErrorCode;
  constructor(code: ComputeErrorCode, message: string) {
    super(message);
    this.name = 'ComputeError';
    this.code = code;
  }
}

/** Of a call that takes its time. */
export interface CallOptions<Event> {
  signal?: AbortSignal;
  onEvent?: (event: Event) => void;
}

/** What each call does stands in protocol.ts. */
export type Compute = {
  [C in keyof Calls]: (...args: Calls[C]['args'] extends undefined ? [] : [args: Calls[C]['args'], options?: CallOptions<Calls[C]['event']>]) => Promise<Calls[C]['result']>;
} & {
  /** Ends the process; open calls are cancelled. A later call starts a new one. */
  stop(): Promise<void>;
};

interface Pending {
  resolve(result: unknown): void;
  reject(error: ComputeError): void;
  onEvent?: (event: unknown) => void;
}

interface Child {
  process: ChildProcess;
  pending: Map<number, Pending>;
  /** Why it was ended, where we did it. */
  ended?: ComputeError;
  gone: Promise<void>;
}

/** `nodePath`: the Node 24 binary, where the engine does not run under it itself. `env` is asked for at each start of the process. */
export function startCompute({ nodePath = process.execPath, env = () => ({}) }: { nodePath?: string; env?: () => Record<string, string> } = {}): Compute {
  let child: Child | undefined;
  let lastId = 0;

  function start(): Child {
    const forked = fork(fileURLToPath(new URL('../compute.ts', import.meta.url)), [], {
      execPath: nodePath,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      // Its output is for people: never onto the stdout that scripts read.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...env() },
    });
    const pending = new Map<number, Pending>();
    let lastWords = '';
    forked.stderr?.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(-2000)));
    forked.on('message', (message: FromCompute) => {
      const call = pending.get(message.id);
      if ('event' in message) return call?.onEvent?.(message.event);
      pending.delete(message.id);
      if ('error' in message) call?.reject(new ComputeError(message.error.code, message.error.message));
      else call?.resolve(message.result);
    });
    const gone = new Promise<void>((resolve) => {
      forked.on('error', (error) => end(`could not be started: ${error.message}`));
      forked.on('close', (code, signal) => end(`ended unexpectedly (${signal ?? `exit code ${code}`})`));
      function end(how: string): void {
        if (child === started) child = undefined;
        const detail = lastWords.trim().split('\n').at(-1);
        const error = started.ended ?? new ComputeError('failed', `The compute process ${how}.${detail ? ` Its last words: ${detail}` : ''}`);
        for (const call of pending.values()) call.reject(error);
        pending.clear();
        resolve();
      }
    });
    const started: Child = { process: forked, pending, gone };
    return started;
  }

  function kill(target: Child, why: ComputeError): void {
    target.ended ??= why;
    if (child === target) child = undefined;
    target.process.kill('SIGKILL');
  }

  function call<C extends keyof Calls>(name: C, args: Calls[C]['args'], { signal, onEvent }: CallOptions<Calls[C]['event']> = {}): Promise<Calls[C]['result']> {
    const cancelled = new ComputeError('cancelled', 'Cancelled.');
    if (signal?.aborted) return Promise.reject(cancelled);
    const target = (child ??= start());
    const id = ++lastId;
    return new Promise<Calls[C]['result']>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => {
        if (target.process.connected) target.process.send({ cancel: id });
        timer = setTimeout(() => kill(target, cancelled), answerWithinMs);
      };
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      target.pending.set(id, {
        resolve: (result) => (done(), resolve(result as Calls[C]['result'])),
        reject: (error) => (done(), reject(error)),
        onEvent: onEvent as Pending['onEvent'],
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      // Where sending fails the process is going, and 'close' rejects what is pending.
      target.process.send({ id, call: name, args } as Request, () => undefined);
    });
  }

  return {
    backend: () => call('backend', undefined),
    estimate: (args) => call('estimate', args),
    score: (args, options) => call('score', args, options),
    fit: (args, options) => call('fit', args, options),
    train: (args, options) => call('train', args, options),
    trainHead: (args, options) => call('trainHead', args, options),
    outOfFold: (args, options) => call('outOfFold', args, options),
    rangeTest: (args, options) => call('rangeTest', args, options),
    predict: (args, options) => call('predict', args, options),
    portable: (args, options) => call('portable', args, options),
    summarise: (args) => call('summarise', args),
    map: (args) => call('map', args),
    embed: (args, options) => call('embed', args, options),
    features: (args, options) => call('features', args, options),
    distance: (args, options) => call('distance', args, options),
    pairs: (args, options) => call('pairs', args, options),
    layout: (args, options) => call('layout', args, options),
    async stop() {
      if (!child) return;
      const { gone } = child;
      kill(child, new ComputeError('cancelled', 'The compute process was stopped.'));
      await gone;
    },
  };
}
