/** How long work reports where it is and hears that it shall stop. */
export interface Report {
  /** A new stage starts its own count and clock. */
  stage(name: string, total: number, unit?: string): void;
  progress(done: number, total?: number): void;
  run(runId: string): void;
  signal: AbortSignal;
}
