/**
 * What is running: each job has n of N, a rate, the time left, and a way to stop it. A job's work reports where it is; this file turns
 * that into what people see. Heavy jobs wait for each other: two cores do one thing well.
 */
import { explain, WinnowError } from '../contract/errors.ts';
import type { Job, JobKind } from '../contract/types.ts';

export interface Report {
  /** A new stage starts its own count and clock. */
  stage(name: string, total: number, unit?: string): void;
  progress(done: number, total?: number): void;
  run(runId: string): void;
  signal: AbortSignal;
}

const tellEveryMs = 100;

export class Jobs {
  #jobs = new Map<number, { job: Job; stop: AbortController; ended: Promise<void> }>();
  #nextId = 1;
  #tell: (job: Job) => void;

  constructor(tell: (job: Job) => void) {
    this.#tell = tell;
  }

  list(): Job[] {
    return [...this.#jobs.values()].map(({ job }) => ({ ...job }));
  }

  /** Starts `work` and returns at once. `work` returns the sentence that sums it up. Throws `job-running` while another job runs. */
  start(kind: JobKind, title: string, work: (report: Report, jobId: number) => Promise<string>): Job {
    const running = this.list().find((job) => job.state === 'running');
    if (running) throw new WinnowError('job-running', `${running.title} is still running. Cancel it or wait for it to end.`);
    const job: Job = {
      id: this.#nextId++, kind, title, stage: 'Starting', state: 'running', done: 0, total: 0, unit: 'images', perSecond: null, secondsLeft: null,
      startedAt: Date.now(), endedAt: null, runId: null, error: null, summary: null,
    };
    const stop = new AbortController();
    let stageStart = performance.now();
    let told = 0;
    const tell = (now = false) => {
      if (!now && performance.now() - told < tellEveryMs) return;
      told = performance.now();
      this.#tell({ ...job });
    };
    const report: Report = {
      signal: stop.signal,
      stage: (name, total, unit = 'images') => {
        stageStart = performance.now();
        Object.assign(job, { stage: name, done: 0, total, unit, perSecond: null, secondsLeft: null });
        tell(true);
      },
      progress: (done, total = job.total) => {
        const seconds = (performance.now() - stageStart) / 1000;
        job.done = done;
        job.total = total;
        if (seconds > 0.5 && done > 0) {
          job.perSecond = done / seconds;
          job.secondsLeft = total > done ? (total - done) / job.perSecond : 0;
        }
        tell(done === total);
      },
      run: (runId) => {
        job.runId = runId;
        tell(true);
      },
    };
    const ended = (async () => {
      try {
        // The caller hears of the job before its first event.
        await new Promise(setImmediate);
        stop.signal.throwIfAborted();
        job.summary = await work(report, job.id);
        job.state = 'done';
      } catch (error) {
        job.error = explain(error);
        job.state = stop.signal.aborted || job.error.code === 'cancelled' ? 'cancelled' : 'failed';
        if (process.env.WINNOW_DEBUG) console.error(error);
      }
      job.endedAt = Date.now();
      job.secondsLeft = null;
      tell(true);
    })();
    this.#jobs.set(job.id, { job, stop, ended });
    tell(true);
    return { ...job };
  }

  cancel(id: number) {
    this.#jobs.get(id)?.stop.abort(new WinnowError('cancelled', 'Cancelled.'));
  }

  /** Stops everything and waits for it. */
  async close() {
    for (const { stop } of this.#jobs.values()) stop.abort(new WinnowError('cancelled', 'Cancelled.'));
    await Promise.all([...this.#jobs.values()].map(({ ended }) => ended));
  }
}
