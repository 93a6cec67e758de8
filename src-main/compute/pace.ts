/**
 * Cooperative scheduling in the compute process: long work awaits `yieldToEventLoop()` between its steps. So pending messages (a cancel, a map for the loupe) are
 * handled every 50 ms. After a cancel it throws Cancelled.
 */
import { setImmediate } from 'node:timers/promises';

const everyMs = 50;

/** A call ended because it was cancelled. */
export class Cancelled extends Error {
  constructor() {
    super('Cancelled.');
  }
}

/** Returns the function that long work awaits between its steps. It throws Cancelled after a cancel. */
export function pace(signal: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last > everyMs) {
      await setImmediate();
      last = performance.now();
    }
    if (signal.aborted) throw new Cancelled();
  };
}
