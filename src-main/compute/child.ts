/**
 * The engine's side of the compute process: starts it for the first call, sends it the calls, and starts a new one after a crash. If the process does not answer a
 * cancel in time (it may be in a long native call), it is killed. All open folders share the process: other calls are then sent to the next process
 * automatically, and a training resumes from its checkpoint. Importing this module loads no tensors.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isOutOfMemory } from './out-of-memory.ts';
import type { ArgsOf, CallName, EventOf, ResultOf } from './calls.ts';
import type { ComputeErrorCode, FromCompute, Request } from './protocol.ts';

/** How long a cancel may go unanswered before the process is killed: `alone` if no other call runs, `shared` if that would interrupt other calls or the start of the process. */
const usualPatienceMs = { alone: 900, shared: 5000 };

const restarted =
  'The compute process was restarted because another task did not stop. This training resumed from its last epoch.';
const askAgain = {
  training:
    'Start the same training again: it resumes from its last epoch. If memory ran out, choose a smaller batch or smaller images, or close other programs.',
  other: 'Try again. If memory ran out, close other programs first.',
};

/** A call failed in the compute process, or with it. The message can be shown to the user. */
export class ComputeError extends Error {
  readonly code: ComputeErrorCode;
  constructor(code: ComputeErrorCode, message: string) {
    super(message);
    this.name = 'ComputeError';
    this.code = code;
  }
}

export interface CallOptions<Event> {
  signal?: AbortSignal;
  onEvent?: (event: Event) => void;
}

export interface Compute {
  /** Sends a call of `calls.ts`. Rejects with ComputeError. */
  call<Name extends CallName>(
    name: Name,
    args: ArgsOf<Name>,
    options?: CallOptions<EventOf<Name>>,
  ): Promise<ResultOf<Name>>;
  /** Kills the process; open calls are cancelled. A later call starts a new one. */
  stop(): Promise<void>;
  /** Another process with the same settings, for calls beside this one. The caller stops it. */
  another(): Compute;
}

interface Call {
  request: Request;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  onEvent?: (event: unknown) => void;
  /** The process that serves it. */
  target: Child;
  /** Its result is no longer wanted: it was cancelled, or its event handler failed. */
  isAbandoned: boolean;
  timer?: NodeJS.Timeout;
}

interface Child {
  process: ChildProcess;
  calls: Map<number, Call>;
  /** It has started: it has sent a message. */
  hasStarted: boolean;
  /** Why the engine killed it. `restart`: the calls that are still wanted are sent to the next process. */
  ended?: 'restart' | 'stop';
  /** The message of an uncaught error in it. */
  fatal?: string;
  gone: Promise<void>;
}

const cancelled = (): ComputeError => new ComputeError('cancelled', 'Cancelled.');

/** True for calls that write checkpoints (`call.ts`). */
const isTraining = ({ request: { args } }: Call): boolean =>
  typeof args === 'object' && args !== null && 'resume' in args;

/**
 * `nodePath`: the Node 24 binary, if the engine itself runs under another. `env`: the environment, read at each start of the process. The process starts with
 * the first call.
 */
export function startCompute({
  nodePath = process.execPath,
  env = () => ({}),
  patienceMs = usualPatienceMs,
}: { nodePath?: string; env?: () => Record<string, string>; patienceMs?: typeof usualPatienceMs } = {}): Compute {
  let child: Child | undefined;
  let lastId = 0;

  function start(): Child {
    const forked = fork(fileURLToPath(new URL('../compute.ts', import.meta.url)), [], {
      execPath: nodePath,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      // Its output must not go to the engine's standard output, which scripts read.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...env() },
    });
    let errorOutput = '';
    forked.stderr?.setEncoding('utf8').on('data', (text: string) => (errorOutput = (errorOutput + text).slice(-2000)));
    forked.on('message', (message: FromCompute) => receive(started, message));
    const gone = new Promise<void>((resolve) => {
      forked.on('error', (error) => end('failed', `The compute process could not be started: ${error.message}`));
      forked.on('close', (code, signal) =>
        end(
          started.hasStarted || signal ? 'lost' : 'failed',
          howItEnded(signal ?? `exit code ${code}`, started.fatal ?? errorOutput),
        ),
      );
      function end(code: 'lost' | 'failed', how: string): void {
        if (child === started) child = undefined;
        const calls = [...started.calls.values()];
        started.calls.clear();
        for (const call of calls) {
          clearTimeout(call.timer);
          if (call.isAbandoned || started.ended === 'stop') call.reject(cancelled());
          else if (started.ended === 'restart') restart(call);
          else
            call.reject(
              new ComputeError(
                code,
                code === 'lost' ? `${how} ${isTraining(call) ? askAgain.training : askAgain.other}` : how,
              ),
            );
        }
        resolve();
      }
    });
    const started: Child = { process: forked, calls: new Map(), hasStarted: false, gone };
    return started;
  }

  function receive(from: Child, message: FromCompute): void {
    from.hasStarted = true;
    if ('fatal' in message) return void (from.fatal = message.fatal);
    const call = from.calls.get(message.id);
    if (!call) return;
    if ('event' in message) return deliver(call, message.event);
    from.calls.delete(message.id);
    clearTimeout(call.timer);
    if ('error' in message) call.reject(new ComputeError(message.error.code, message.error.message));
    else call.resolve(message.result);
  }

  /** An event handler that throws (the disk is full, for example) ends the call and not the engine. */
  function deliver(call: Call, event: unknown): void {
    if (call.isAbandoned) return;
    try {
      call.onEvent?.(event);
    } catch (error) {
      call.reject(error);
      abandon(call);
    }
  }

  function send(call: Call, target: Child): void {
    call.target = target;
    target.calls.set(call.request.id, call);
    // If sending fails, the process is ending: the 'close' event then handles its calls.
    target.process.send(call.request, () => undefined);
  }

  /** Asks the process to cancel the call. If it does not answer, the process is killed: soon, or later if other calls would lose work since their last checkpoint. */
  function abandon(call: Call): void {
    if (call.isAbandoned) return;
    const { target } = call;
    call.isAbandoned = true;
    if (target.process.connected) target.process.send({ cancel: call.request.id }, () => undefined);
    const end = (): void => {
      target.ended ??= 'restart';
      kill(target);
    };
    call.timer = setTimeout(() => {
      call.reject(cancelled());
      // A process that still starts is in no long call: the next request would only wait for another start.
      const isShared =
        !target.hasStarted || [...target.calls.values()].some((other) => !other.isAbandoned && other.onEvent);
      if (isShared) call.timer = setTimeout(end, patienceMs.shared - patienceMs.alone);
      else end();
    }, patienceMs.alone);
  }

  function kill(target: Child): void {
    if (child === target) child = undefined;
    target.process.kill('SIGKILL');
  }

  /** Sends the call to a new process, because its own was killed for another call that did not stop. */
  function restart(call: Call): void {
    if (isTraining(call)) {
      call.request = { ...call.request, args: { ...(call.request.args as object), resume: true } };
      deliver(call, { stage: 'note', message: restarted });
    }
    if (call.isAbandoned) return clearTimeout(call.timer); // its event handler failed
    send(call, (child ??= start()));
  }

  function call<Name extends CallName>(
    name: Name,
    args: ArgsOf<Name>,
    { signal, onEvent }: CallOptions<EventOf<Name>> = {},
  ): Promise<ResultOf<Name>> {
    if (signal?.aborted) return Promise.reject(cancelled());
    return new Promise<ResultOf<Name>>((resolve, reject) => {
      const onAbort = (): void => abandon(made);
      const done = (): void => signal?.removeEventListener('abort', onAbort);
      const target = (child ??= start());
      const made: Call = {
        request: { id: ++lastId, call: name, args },
        resolve: (result) => (done(), resolve(result as ResultOf<Name>)),
        reject: (error) => (done(), reject(error)),
        onEvent: onEvent as Call['onEvent'],
        target,
        isAbandoned: false,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      send(made, target);
    });
  }

  return {
    call,
    another: () => startCompute({ nodePath, env, patienceMs }),
    async stop() {
      if (!child) return;
      const { gone } = child;
      child.ended = 'stop';
      kill(child);
      await gone;
    },
  };
}

/** A message about why the process ended. `how`: the signal or exit code. */
function howItEnded(how: string, errorOutput: string): string {
  if (isOutOfMemory(errorOutput)) return `The compute process ran out of memory and ended (${how}).`;
  if (how === 'SIGKILL') return 'The compute process was killed (SIGKILL). The system does this when memory runs out.';
  const detail = errorOutput.trim().split('\n').at(-1);
  return `The compute process ended unexpectedly (${how}).${detail ? ` Last output: ${detail.replace(/\.?$/, '.')}` : ''}`;
}
