/**
 * The compute process: a child of the engine that holds all that touches tensors, and that may be killed at any time. It serves
 * the calls of compute/calls.ts over Node IPC. Trainings run one after the other; everything else is served between their steps.
 */
import os from 'node:os';
import { startBackend } from './compute/backend.ts';
import { BadParameters } from './compute/bad-parameters.ts';
import type { Call } from './compute/call.ts';
import { calls } from './compute/calls.ts';
import { isOutOfMemory } from './compute/out-of-memory.ts';
import { Cancelled } from './compute/pace.ts';
import type { ComputeErrorCode, FromCompute, Request, ToCompute } from './compute/protocol.ts';
import { startTurns } from './compute/turns.ts';

// Doors and decoding go before training where both want a core. Set before TensorFlow starts its threads, which inherit it.
os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);

const running = new Map<number, AbortController>();
/** Trainings run one after the other. */
const inTurn = startTurns();

const send = (message: FromCompute): void => void (process.connected && process.send?.(message));

async function answer({ id, call: name, args }: Request, signal: AbortSignal): Promise<unknown> {
  if (!Object.hasOwn(calls, name)) throw new BadParameters(`The compute process knows no call '${name}'.`);
  const { inTurn: isInTurn, run } = calls[name] as Call<unknown, unknown, unknown>;
  await startBackend();
  const work = async (): Promise<unknown> => run(args, { signal, onEvent: (event) => send({ id, event }) });
  return isInTurn ? inTurn(signal, work) : work();
}

function codeOf(error: unknown): ComputeErrorCode {
  if (error instanceof Cancelled) return 'cancelled';
  if (error instanceof BadParameters) return 'bad-parameters';
  if (isDiskFull(error)) return 'disk-full';
  return isOutOfMemory(error) ? 'out-of-memory' : 'failed';
}

const isDiskFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException | null)?.code ?? '');
const diskFull =
  'The disk that holds the workspace is full. Free some space and start the same task again: a training resumes from its last epoch.';
const outOfMemory =
  'Memory ran out. Choose a smaller batch, smaller images or a smaller network, or close other programs.';
function sentenceOf(error: unknown): string {
  const code = codeOf(error);
  return code === 'disk-full'
    ? diskFull
    : code === 'out-of-memory'
      ? `${outOfMemory} (${messageOf(error).split('\n')[0]})`
      : messageOf(error);
}
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

process.on('message', (message: ToCompute) => {
  if ('cancel' in message) return running.get(message.cancel)?.abort();
  const { id } = message;
  const controller = new AbortController();
  running.set(id, controller);
  answer(message, controller.signal)
    .then((result) => send({ id, result }))
    .catch((error: unknown) => send({ id, error: { code: codeOf(error), message: sentenceOf(error) } }))
    .finally(() => running.delete(id));
});

// An error that belongs to no call is reported, so that the engine knows more than an exit code.
process.on('uncaughtException', (error: unknown) => {
  const end = (): never => process.exit(1);
  if (process.connected) process.send?.({ fatal: messageOf(error) } satisfies FromCompute, end);
  else end();
});

// The engine is gone: nobody waits for an answer, and the checkpoint is on disk.
process.on('disconnect', () => process.exit(0));
