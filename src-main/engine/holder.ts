/**
 * The engine that holds a workspace, as another process meets it: asked whether it has the folder open, and listened to for as long as its answers are
 * waited for. It sends a beat every few seconds, so that a process that was ended or stopped is noticed and no wait lasts for ever.
 */
import { request, type IncomingMessage } from 'node:http';
import { alivePath, attachPath } from '../contract/address.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Holder } from './lock.ts';

/** `opening`: ask again. `closed`: it answers, and does not have the workspace. `silent`: it accepts connections and does not answer. `gone`: it cannot be reached. */
export type HolderState = 'open' | 'opening' | 'closed' | 'silent' | 'gone';

export const beatEveryMs = 3000;
/** So many beats may be late: an engine can be busy for a while. */
const mostLate = 10;
const answerWithinMs = 15_000;

export const silentError = ({ pid, since }: Holder) =>
  new WinnowError(
    'engine-gone',
    `The Winnow that has this folder open (process ${pid}${since ? `, since ${timeOf(since)}` : ''}) does not answer. End that process, then try again. What it confirmed is kept.`,
  );
const endedError = ({ pid }: Holder) =>
  new WinnowError(
    'engine-gone',
    `The Winnow that had this folder open (process ${pid}) has ended. Run the command again: what was confirmed is kept, and an interrupted training resumes.`,
  );
export const unreachableError = (holder: Holder | null) =>
  new WinnowError(
    'workspace-busy',
    holder
      ? `Another Winnow (process ${holder.pid} on ${holder.host}, since ${timeOf(holder.since)}) has this folder open and cannot be reached from here. Close it, then try again.`
      : 'Another Winnow has this folder open and does not say where it can be reached. Close it, then try again.',
  );

const timeOf = (ms: number) => new Date(ms).toLocaleString('sv').slice(0, 16);

export function askHolder(
  { pipe }: Pick<Holder, 'pipe'>,
  workspaceId: string,
  withinMs = answerWithinMs,
): Promise<HolderState> {
  return new Promise((tell) => {
    const asked = request({ agent: false, socketPath: pipe, path: alivePath(workspaceId) }, (answer) => {
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (text: string) => (body += text))
        .on('error', () => tell('gone'))
        .on('end', () => tell(stateOf(body)));
    });
    const timer = setTimeout(() => {
      tell('silent');
      asked.destroy();
    }, withinMs);
    asked
      .on('error', () => tell('gone'))
      .on('close', () => clearTimeout(timer))
      .end();
  });
}

function stateOf(body: string): HolderState {
  try {
    return (JSON.parse(body) as { state: HolderState }).state;
  } catch {
    return 'open'; // an earlier version, which answers and does not know the question
  }
}

export interface Attachment {
  /** Aborted with a WinnowError as its reason when the engine has ended or does not answer any more. */
  lost: AbortSignal;
  detach(): void;
}

/** Listens to the engine's beats. A guest is waited for before the engine closes the folder. Null when the engine does not have the workspace, or is closing it. */
export function attach(holder: Holder, workspaceId: string, { guest }: { guest: boolean }): Promise<Attachment | null> {
  const lost = new AbortController();
  return new Promise((tell) => {
    const asked = request(
      { agent: false, socketPath: holder.pipe, path: attachPath(workspaceId, guest) },
      (answer: IncomingMessage) => {
        clearTimeout(unanswered);
        if (answer.statusCode !== 200) {
          answer.resume();
          return tell(null);
        }
        let late = 0;
        // Counted in beats and not in time: where this process itself was held up, the timer was too.
        const timer = setInterval(() => ++late > mostLate && lose(silentError(holder)), beatEveryMs).unref();
        const lose = (why: WinnowError) => {
          clearInterval(timer);
          lost.abort(why);
          asked.destroy();
        };
        answer
          .on('data', () => (late = 0))
          .on('error', () => lose(endedError(holder)))
          .on('close', () => lose(endedError(holder)));
        const detach = () => {
          clearInterval(timer);
          answer.removeAllListeners('close');
          asked.destroy();
        };
        tell({ lost: lost.signal, detach });
      },
    );
    const unanswered = setTimeout(() => asked.destroy(), answerWithinMs);
    asked.on('error', () => (clearTimeout(unanswered), tell(null))).end();
  });
}
