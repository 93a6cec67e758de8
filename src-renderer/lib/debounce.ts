/**
 * Asks the engine once a form has stopped changing. Returns what to run when the question is out of date, as an effect's cleanup: a pending question is
 * dropped, and a late answer is ignored.
 */
export function debounce<Answer>(
  delayMs: number,
  ask: () => Promise<Answer>,
  onAnswer: (answer: Answer) => void,
  onError: (error: unknown) => void,
): () => void {
  let isStale = false;
  const timer = setTimeout(() => {
    void ask().then(
      (answer) => {
        if (!isStale) onAnswer(answer);
      },
      (error: unknown) => {
        if (!isStale) onError(error);
      },
    );
  }, delayMs);
  return () => {
    isStale = true;
    clearTimeout(timer);
  };
}
