/** A queue that runs work one after the other. Waiting work can be cancelled too, and finished work is not retained. */
import { Cancelled } from './pace.ts';

export function startTurns(): <Result>(signal: AbortSignal, work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<void> = Promise.resolve();
  return (signal, work) => {
    const before = last;
    const mine = Promise.race([before, aborted(signal)]).then(work);
    // Without a result: it may be large, and the next turn needs only to know that this one is over.
    const over = mine.then(
      () => undefined,
      () => undefined,
    );
    last = over.then(() => before); // one that was cancelled while it waited ends before the one that it waited for
    return mine;
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  if (signal.aborted) return Promise.reject(new Cancelled());
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Cancelled()), { once: true }));
}
