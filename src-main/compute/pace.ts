/**
 * Long work shares its process: it awaits `yieldToEventLoop()` between steps. That lets waiting messages in (a cancel, a map for the loupe)
 * every few dozen milliseconds, and throws once the work is cancelled.
 */
import { setImmediate } from 'node:timers/promises';

const everyMs = 50;

export class Cancelled extends Error {
  constructor() {
    super('Cancelled.');
  }
}

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
