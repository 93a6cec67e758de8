/**
 * What is running, and what waits to run: each job has n of N, a rate, the time left, and a way to stop it. A job's work reports where it is; this
 * file turns that into what people see. One job of a workspace runs at a time, since two cores do one thing well; the others queue in the order in
 * which they were asked for, which can be changed.
 */
import { explain, WinnowError } from '../contract/errors.ts';
import type { Job, JobKind } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import { inWords } from '../workspace/runs.ts';

/** Returns the sentence that sums it up. */
type Work = (report: Report, jobId: number) => Promise<string>;

interface Held {
  job: Job;
  work: Work;
  stop: AbortController;
}

type Outcome = Pick<Job, 'state'> & Partial<Pick<Job, 'summary' | 'error'>>;

const tellEveryMs = 100;
const endedKept = 50;

export class Jobs {
  /** By id, in the order in which they were asked for. */
  #jobs = new Map<number, Held>();
  #queue: Held[] = [];
  #running: { held: Held; ended: Promise<void> } | null = null;
  #nextId = 1;
  #tell: (job: Job) => void;

  constructor(tell: (job: Job) => void) {
    this.#tell = (job) => tell({ ...job });
  }

  list(): Job[] {
    return [...this.#jobs.values()].map(({ job }) => ({ ...job }));
  }

  /** The job of this kind that has not begun yet, if there is one. */
  queued(kind: JobKind): Job | null {
    const held = this.#queue.find(({ job }) => job.kind === kind);
    return held ? { ...held.job } : null;
  }

  /** Starts `work`, or queues it while another job runs, and returns at once. */
  start(kind: JobKind, title: string, work: Work): Job {
    const job: Job = {
      id: this.#nextId++,
      kind,
      title,
      stage: 'Waiting',
      state: 'queued',
      place: null,
      done: 0,
      total: 0,
      unit: 'images',
      perSecond: null,
      secondsLeft: null,
      startedAt: Date.now(),
      endedAt: null,
      runId: null,
      error: null,
      summary: null,
    };
    const held: Held = { job, work, stop: new AbortController() };
    this.#jobs.set(job.id, held);
    this.#queue.push(held);
    if (this.#running) this.#tellPlaces();
    else this.#startNext();
    return { ...job };
  }

  /** A job that waits ends at once; one that runs ends when its work has heard of it. */
  cancel(id: number): void {
    const held = this.#jobs.get(id);
    if (!held) return;
    held.stop.abort(new WinnowError('cancelled', 'Cancelled.'));
    if (!this.#take(held)) return;
    this.#end(held, { state: 'cancelled', error: explain(held.stop.signal.reason) });
    this.#tellPlaces();
  }

  /** Moves a job that waits: `next` to the front of the queue, `later` one place back. One that has begun or ended stays as it is. */
  move(id: number, to: 'next' | 'later'): void {
    const held = this.#jobs.get(id);
    const at = held ? this.#queue.indexOf(held) : -1;
    if (!held || at < 0) return;
    this.#take(held);
    this.#queue.splice(to === 'next' ? 0 : at + 1, 0, held);
    this.#tellPlaces();
  }

  /** Stops everything and waits for it. */
  async close(): Promise<void> {
    for (const { job } of [...this.#queue]) this.cancel(job.id);
    if (!this.#running) return;
    const { held, ended } = this.#running;
    held.stop.abort(new WinnowError('engine-gone', 'Winnow was closed before this had ended.')); // nobody cancelled it: its run is interrupted
    await ended;
  }

  /** Takes it out of the queue. False where it does not wait. */
  #take(held: Held): boolean {
    const at = this.#queue.indexOf(held);
    if (at >= 0) this.#queue.splice(at, 1);
    return at >= 0;
  }

  #tellPlaces(): void {
    for (const [i, { job }] of this.#queue.entries()) {
      if (job.place === i + 1) continue;
      job.place = i + 1;
      this.#tell(job);
    }
  }

  #startNext(): void {
    const held = this.#queue.shift();
    if (!held) return;
    Object.assign(held.job, { state: 'running', stage: 'Starting', place: null, startedAt: Date.now() });
    this.#running = { held, ended: this.#run(held) };
    this.#tell(held.job);
    this.#tellPlaces();
  }

  async #run(held: Held): Promise<void> {
    const { job, work, stop } = held;
    let outcome: Outcome;
    try {
      // The caller hears of the job before its first event.
      await new Promise(setImmediate);
      stop.signal.throwIfAborted();
      outcome = { state: 'done', summary: await work(this.#reportOf(held), job.id) };
    } catch (cause) {
      const error = explain(inWords(cause));
      outcome = { state: stop.signal.aborted || error.code === 'cancelled' ? 'cancelled' : 'failed', error };
      if (process.env.WINNOW_DEBUG) console.error(cause);
    }
    this.#end(held, outcome);
    this.#running = null;
    this.#startNext();
  }

  #reportOf({ job, stop }: Held): Report {
    let stageStart = performance.now();
    let told = 0;
    const tell = (now = false) => {
      if (!now && performance.now() - told < tellEveryMs) return;
      told = performance.now();
      this.#tell(job);
    };
    return {
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
  }

  #end({ job }: Held, outcome: Outcome): void {
    Object.assign(job, outcome, { place: null, endedAt: Date.now(), secondsLeft: null });
    const ended = [...this.#jobs.values()].filter((held) => held.job.endedAt !== null);
    for (const old of ended.slice(0, -endedKept)) this.#jobs.delete(old.job.id);
    this.#tell(job);
  }
}
