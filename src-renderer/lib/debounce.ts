/**
 * Sends a request once a form has stopped changing. Returns the cleanup function of the effect: it drops a pending request and ignores a late
 * response.
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
