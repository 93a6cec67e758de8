/** Runs work on a list with limited concurrency. */

/** Calls `work` for each entry, at most `concurrency` at a time. After the first error or an abort it starts no more, waits for the running calls and throws. */
export async function forEachParallel<Entry>(
  list: readonly Entry[],
  concurrency: number,
  signal: AbortSignal,
  work: (entry: Entry, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < list.length && !failed) {
      signal.throwIfAborted();
      const index = next++;
      try {
        await work(list[index], index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.max(1, Math.min(concurrency, list.length)) }, worker),
  );
  const fault = results.find((result) => result.status === 'rejected');
  if (fault) throw fault.reason;
}
