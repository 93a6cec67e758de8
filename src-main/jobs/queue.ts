/**
 * The job queue of a workspace. One job runs at a time; the others wait in the order of their requests, which can be changed. The queue turns the
 * progress that a job reports into counts, rate and time left, and cancels jobs.
 */
import { explain, WinnowError } from '../contract/errors.ts';
import type { Job, JobKind } from '../contract/types.ts';
import type { Report } from '../workspace/report.ts';
import { toWinnowError } from '../workspace/runs.ts';

/** The result of work that made way for other jobs. It is queued again. */
export const paused = Symbol('paused');
/** Returns a summary message. `pause` aborts when work that runs behind all other should make way (`PreparedJob`). */
type Work = (report: Report, jobId: number, pause: AbortSignal) => Promise<string | typeof paused>;

interface Entry {
  job: Job;
  work: Work;
  isBehind: boolean;
  stop: AbortController;
  pause: AbortController;
  ended: PromiseWithResolvers<Job>;
}

type Outcome = typeof paused | Ended;
type Ended = Pick<Job, 'state'> & Partial<Pick<Job, 'summary' | 'error'>>;

const publishEveryMs = 100;
const maxEnded = 50;

export class Jobs {
  /** By id, in the order of the requests. */
  #jobs = new Map<number, Entry>();
  #queue: Entry[] = [];
  #running: { entry: Entry; ended: Promise<void> } | null = null;
  #nextId = 1;
  #publish: (job: Job) => void;

  constructor(publish: (job: Job) => void) {
    this.#publish = (job) => publish({ ...job });
  }

  list(): Job[] {
    return [...this.#jobs.values()].map(({ job }) => ({ ...job }));
  }

  /** The queued job of this kind, if there is one. */
  queued(kind: JobKind): Job | null {
    const entry = this.#queue.find(({ job }) => job.kind === kind);
    return entry ? { ...entry.job } : null;
  }

  /** Starts `work`, or queues it while another job runs, and returns at once. */
  start(
    kind: JobKind,
    title: string,
    work: Work,
    { isBehind = false, runId = null }: { isBehind?: boolean; runId?: string | null } = {},
  ): Job {
    const job: Job = {
      id: this.#nextId++,
      kind,
      title,
      stage: 'Queued',
      state: 'queued',
      place: null,
      done: 0,
      total: 0,
      unit: 'images',
      perSecond: null,
      secondsLeft: null,
      startedAt: Date.now(),
      endedAt: null,
      runId,
      error: null,
      summary: null,
    };
    const entry: Entry = {
      job,
      work,
      isBehind,
      stop: new AbortController(),
      pause: new AbortController(),
      ended: Promise.withResolvers(),
    };
    this.#jobs.set(job.id, entry);
    this.#enqueue(entry);
    if (this.#running) {
      if (!isBehind && this.#running.entry.isBehind) this.#running.entry.pause.abort();
      this.#publishPlaces();
    } else this.#startNext();
    return { ...job };
  }

  /** Resolves with the job when it has ended. */
  async ended(id: number): Promise<Job> {
    const entry = this.#jobs.get(id);
    if (!entry) throw new WinnowError('failed', `There is no job ${id} any more.`);
    return { ...(await entry.ended.promise) };
  }

  /** A queued job ends at once; a running one when its work reacts to the signal. */
  cancel(id: number): void {
    const entry = this.#jobs.get(id);
    if (!entry) return;
    entry.stop.abort(new WinnowError('cancelled', 'Cancelled.'));
    if (!this.#dequeue(entry)) return;
    this.#end(entry, { state: 'cancelled', error: explain(entry.stop.signal.reason) });
    this.#publishPlaces();
  }

  /** Moves a queued job: `next` to the front of the queue, `later` one place back. Other jobs are not affected. */
  move(id: number, to: 'next' | 'later'): void {
    const entry = this.#jobs.get(id);
    const at = entry ? this.#queue.indexOf(entry) : -1;
    if (!entry || at < 0) return;
    this.#dequeue(entry);
    this.#queue.splice(to === 'next' ? 0 : at + 1, 0, entry);
    this.#publishPlaces();
  }

  /** Stops everything and waits for it. */
  async close(): Promise<void> {
    for (const { job } of [...this.#queue]) this.cancel(job.id);
    if (!this.#running) return;
    const { entry, ended } = this.#running;
    entry.stop.abort(new WinnowError('engine-gone', 'Winnow was closed before this was finished.')); // not cancelled by the user: its run is interrupted
    await ended;
  }

  /** Removes a job from the queue. Returns false if it was not queued. */
  #dequeue(entry: Entry): boolean {
    const at = this.#queue.indexOf(entry);
    if (at >= 0) this.#queue.splice(at, 1);
    return at >= 0;
  }

  /** At the end, but before jobs that run behind all others; work that made way, before the other jobs behind. */
  #enqueue(entry: Entry, hasMadeWay = false): void {
    const firstBehind = this.#queue.findIndex(({ isBehind }) => isBehind);
    if ((entry.isBehind && !hasMadeWay) || firstBehind < 0) this.#queue.push(entry);
    else this.#queue.splice(firstBehind, 0, entry);
  }

  #publishPlaces(): void {
    for (const [i, { job }] of this.#queue.entries()) {
      if (job.place === i + 1) continue;
      job.place = i + 1;
      this.#publish(job);
    }
  }

  #startNext(): void {
    const entry = this.#queue.shift();
    if (!entry) return;
    Object.assign(entry.job, { state: 'running', stage: 'Starting', place: null, startedAt: Date.now() });
    this.#running = { entry, ended: this.#run(entry) };
    this.#publish(entry.job);
    this.#publishPlaces();
  }

  async #run(entry: Entry): Promise<void> {
    const { job, work, stop } = entry;
    let outcome: Outcome;
    try {
      // The caller gets the job before its first event.
      await new Promise(setImmediate);
      stop.signal.throwIfAborted();
      const summary = await work(this.#reportOf(entry), job.id, entry.pause.signal);
      if (summary === paused) stop.signal.throwIfAborted();
      outcome = summary === paused ? paused : { state: 'done', summary };
    } catch (cause) {
      const error = explain(toWinnowError(cause));
      outcome = { state: stop.signal.aborted || error.code === 'cancelled' ? 'cancelled' : 'failed', error };
      if (process.env.WINNOW_DEBUG) console.error(cause);
    }
    this.#running = null;
    if (outcome !== paused) this.#end(entry, outcome);
    else {
      entry.pause = new AbortController();
      Object.assign(job, { state: 'queued', stage: 'Waits for other jobs', perSecond: null, secondsLeft: null });
      this.#enqueue(entry, true);
      this.#publish(job);
    }
    this.#startNext();
  }

  #reportOf(entry: Entry): Report {
    const { job, stop } = entry;
    let stageStart = performance.now();
    let publishedAt = 0;
    let doneBefore = 0;
    let late: NodeJS.Timeout | undefined;
    const publish = (now = false) => {
      const wait = publishedAt + publishEveryMs - performance.now();
      if (now || wait <= 0) {
        clearTimeout(late);
        late = undefined;
        publishedAt = performance.now();
        if (this.#running?.entry === entry) this.#publish(job);
      } else late ??= setTimeout(() => publish(true), wait).unref(); // the last state before a pause is shown too
    };
    return {
      signal: stop.signal,
      stage: (name, total, unit = 'images') => {
        stageStart = performance.now();
        doneBefore = 0;
        Object.assign(job, { stage: name, done: 0, total, unit, perSecond: null, secondsLeft: null });
        publish(true);
      },
      progress: (done, total = job.total) => {
        const seconds = (performance.now() - stageStart) / 1000;
        job.done = done;
        job.total = total;
        if (seconds < 0.05) doneBefore = done; // by an earlier attempt
        if (seconds > 0.5 && done > doneBefore) {
          job.perSecond = (done - doneBefore) / seconds;
          job.secondsLeft = total > done ? (total - done) / job.perSecond : 0;
        }
        publish(done === total);
      },
      run: (runId) => {
        job.runId = runId;
        publish(true);
      },
    };
  }

  #end({ job, ended }: Entry, outcome: Ended): void {
    Object.assign(job, outcome, { place: null, endedAt: Date.now(), secondsLeft: null });
    const list = [...this.#jobs.values()].filter((entry) => entry.job.endedAt !== null);
    const watches = list.filter((entry) => entry.job.kind === 'watch'); // a watch makes a job every few seconds
    for (const old of [...watches.slice(0, -1), ...list.slice(0, -maxEnded)]) this.#jobs.delete(old.job.id);
    this.#publish(job);
    ended.resolve(job);
  }
}
