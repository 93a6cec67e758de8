/**
 * Talks to the engine that owns the lock of a workspace: asks whether it has the folder open, and listens to its heartbeat while
 * requests are pending, so that a stopped or killed process is noticed and no wait lasts for ever.
 */
import { request, type IncomingMessage } from 'node:http';
import { alivePath, attachPath } from '../contract/address.ts';
import { WinnowError } from '../contract/errors.ts';
import type { LockOwner } from './lock.ts';

/**
 * `opening`: ask again later. `closed`: it responds, but does not have the workspace open. `silent`: it accepts connections but does not respond.
 * `gone`: it cannot be reached.
 */
export type LockOwnerState = 'open' | 'opening' | 'closed' | 'silent' | 'gone';

export const heartbeatMs = 3000;
/** The number of heartbeats that an engine may miss while it is busy. */
const maxMissed = 10;
const answerWithinMs = 15_000;

export const silentError = ({ pid, since }: LockOwner) =>
  new WinnowError(
    'engine-gone',
    `The Winnow that has this folder open (process ${pid}${since ? `, since ${timeOf(since)}` : ''}) does not respond. End that process, then try again. Your decisions are saved.`,
  );
const endedError = ({ pid }: LockOwner) =>
  new WinnowError(
    'engine-gone',
    `The Winnow that had this folder open (process ${pid}) has ended. Run the command again: your decisions are saved, and an interrupted training resumes.`,
  );
export const unreachableError = (owner: LockOwner | null) =>
  new WinnowError(
    'workspace-busy',
    owner
      ? `Another Winnow (process ${owner.pid} on ${owner.host}, since ${timeOf(owner.since)}) has this folder open and cannot be reached from here. Close it, then try again.`
      : 'Another Winnow has this folder open but has not published its address. Close it, then try again.',
  );

const timeOf = (ms: number) => new Date(ms).toLocaleString('sv').slice(0, 16);

export function askLockOwner(
  { pipe }: Pick<LockOwner, 'pipe'>,
  workspaceId: string,
  withinMs = answerWithinMs,
): Promise<LockOwnerState> {
  return new Promise((resolve) => {
    const question = request({ agent: false, socketPath: pipe, path: alivePath(workspaceId) }, (answer) => {
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (text: string) => (body += text))
        .on('error', () => resolve('gone'))
        .on('end', () => resolve(stateOf(body)));
    });
    const timer = setTimeout(() => {
      resolve('silent');
      question.destroy();
    }, withinMs);
    question
      .on('error', () => resolve('gone'))
      .on('close', () => clearTimeout(timer))
      .end();
  });
}

function stateOf(body: string): LockOwnerState {
  try {
    return (JSON.parse(body) as { state: LockOwnerState }).state;
  } catch {
    return 'open'; // an earlier version, which does not know this path
  }
}

export interface Attachment {
  /** Aborted with a WinnowError as its reason if the engine has ended or stopped responding. */
  lost: AbortSignal;
  detach(): void;
}

/**
 * Opens a stream with the engine's heartbeat. With `client`, the engine closes the folder only after this side has detached. Returns null if the engine does
 * not have the workspace open, or is closing it.
 */
export function attach(
  owner: LockOwner,
  workspaceId: string,
  { client }: { client: boolean },
): Promise<Attachment | null> {
  const lost = new AbortController();
  return new Promise((resolve) => {
    const stream = request(
      { agent: false, socketPath: owner.pipe, path: attachPath(workspaceId, client) },
      (answer: IncomingMessage) => {
        clearTimeout(unanswered);
        if (answer.statusCode !== 200) {
          answer.resume();
          return resolve(null);
        }
        let missed = 0;
        // Counts heartbeats instead of time: if this process itself is delayed, so is the timer.
        const timer = setInterval(() => ++missed > maxMissed && lose(silentError(owner)), heartbeatMs).unref();
        const lose = (why: WinnowError) => {
          clearInterval(timer);
          lost.abort(why);
          stream.destroy();
        };
        answer
          .on('data', () => (missed = 0))
          .on('error', () => lose(endedError(owner)))
          .on('close', () => lose(endedError(owner)));
        const detach = () => {
          clearInterval(timer);
          answer.removeAllListeners('close');
          stream.destroy();
        };
        resolve({ lost: lost.signal, detach });
      },
    );
    const unanswered = setTimeout(() => stream.destroy(), answerWithinMs);
    stream.on('error', () => (clearTimeout(unanswered), resolve(null))).end();
  });
}
