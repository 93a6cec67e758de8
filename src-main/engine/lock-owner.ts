/**
 * Talks to the engine that owns the lock of a workspace: asks whether it has the folder open, and listens to its heartbeat while
 * requests are pending, so that a stopped or killed process is noticed and no wait lasts for ever.
 */
import { request, type IncomingMessage } from 'node:http';
import { alivePath, attachPath } from '../contract/address.ts';
import { WinnowError } from '../contract/errors.ts';
import type { LockOwner } from './lock.ts';

/** `opening`: ask again. `closed`: it answers, and does not have the workspace. `silent`: it accepts connections and does not answer. `gone`: it cannot be reached. */
export type LockOwnerState = 'open' | 'opening' | 'closed' | 'silent' | 'gone';

export const heartbeatMs = 3000;
/** Heartbeats that may be missed: an engine can be busy for a while. */
const mostLate = 10;
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
    const asked = request({ agent: false, socketPath: pipe, path: alivePath(workspaceId) }, (answer) => {
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (text: string) => (body += text))
        .on('error', () => resolve('gone'))
        .on('end', () => resolve(stateOf(body)));
    });
    const timer = setTimeout(() => {
      resolve('silent');
      asked.destroy();
    }, withinMs);
    asked
      .on('error', () => resolve('gone'))
      .on('close', () => clearTimeout(timer))
      .end();
  });
}

function stateOf(body: string): LockOwnerState {
  try {
    return (JSON.parse(body) as { state: LockOwnerState }).state;
  } catch {
    return 'open'; // an earlier version, which answers and does not know the question
  }
}

export interface Attachment {
  /** Aborted with a WinnowError as its reason when the engine has ended or does not answer any more. */
  lost: AbortSignal;
  detach(): void;
}

/** Listens to the engine's beats. A client is waited for before the engine closes the folder. Null when the engine does not have the workspace, or is closing it. */
export function attach(
  owner: LockOwner,
  workspaceId: string,
  { client }: { client: boolean },
): Promise<Attachment | null> {
  const lost = new AbortController();
  return new Promise((resolve) => {
    const asked = request(
      { agent: false, socketPath: owner.pipe, path: attachPath(workspaceId, client) },
      (answer: IncomingMessage) => {
        clearTimeout(unanswered);
        if (answer.statusCode !== 200) {
          answer.resume();
          return resolve(null);
        }
        let late = 0;
        // Counted in beats and not in time: where this process itself was held up, the timer was too.
        const timer = setInterval(() => ++late > mostLate && lose(silentError(owner)), heartbeatMs).unref();
        const lose = (why: WinnowError) => {
          clearInterval(timer);
          lost.abort(why);
          asked.destroy();
        };
        answer
          .on('data', () => (late = 0))
          .on('error', () => lose(endedError(owner)))
          .on('close', () => lose(endedError(owner)));
        const detach = () => {
          clearInterval(timer);
          answer.removeAllListeners('close');
          asked.destroy();
        };
        resolve({ lost: lost.signal, detach });
      },
    );
    const unanswered = setTimeout(() => asked.destroy(), answerWithinMs);
    asked.on('error', () => (clearTimeout(unanswered), resolve(null))).end();
  });
}
