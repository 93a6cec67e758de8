/** With this, a long-running task reports its progress and can be cancelled. */
export interface Report {
  /** Starts a stage with its own progress and time estimate. */
  stage(name: string, total: number, unit?: string): void;
  progress(done: number, total?: number): void;
  /** Names the run that the task works on. */
  run(runId: string): void;
  signal: AbortSignal;
}
