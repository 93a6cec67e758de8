/** A queue that runs work one after the other. Waiting work can be cancelled, and results are not retained. */
import { Cancelled } from './pace.ts';

/** Each call waits for all earlier ones and returns the result of `work`. Rejects with Cancelled if the signal aborts while it waits. */
export function startTurns(): <Result>(signal: AbortSignal, work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<void> = Promise.resolve();
  return (signal, work) => {
    const before = last;
    const mine = Promise.race([before, aborted(signal)]).then(work);
    // Without the result, which may be large: the next work only needs to know that this one has ended.
    const over = mine.then(
      () => undefined,
      () => undefined,
    );
    last = over.then(() => before); // work that was cancelled while it waited ends before the work it waited for
    return mine;
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  if (signal.aborted) return Promise.reject(new Cancelled());
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Cancelled()), { once: true }));
}
