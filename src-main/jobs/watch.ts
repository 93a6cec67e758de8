/**
 * Watches the folder and scores files as they arrive. The watcher itself is no job: it collects changed paths and queues a short job for those that are quiet, so that
 * other jobs run in between. A file counts as complete when nothing has changed it for a moment and it decodes completely. One that does not is read again whenever it
 * changes, and reported as unreadable once it has stayed the same for a while. What was scored is in the run's column, so a content is scored once, also after a restart;
 * what arrived while nobody watched is scored at the start. Duplicates and checks are left to the next scan.
 */
import { WinnowError } from '../contract/errors.ts';
import type { WatchRequest } from '../contract/schemas.ts';
import type { Job, Sample } from '../contract/types.ts';
import { isInHiddenFolder } from '../contract/left-out.ts';
import type { Arrival, Watch } from '../contract/watch.ts';
import { plural } from '../contract/words.ts';
import { watchFolder, type FolderWatch } from '../file/watch-folder.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import type { Jobs } from './queue.ts';
import { scan, scanPaths, type Unread } from './scan.ts';
import { placedThreshold } from '../workspace/placed-threshold.ts';
import { detectorOf, scoreNew, type Detector } from './score.ts';

/** A path is read when nothing has changed it for this long. */
const quietMs = 400;
/** A file that cannot be read is reported when it has stayed the same for this long. */
const unreadableAfterMs = 3000;
/** After an error that is not of a file, everything is looked at again after this time. */
const retryAfterMs = 5000;
const maxBatch = 256;
/** With more changed paths than this, one walk of the folder is less work. */
const maxChanged = 20_000;
const maxKept = 10_000;

/** The watch of an open folder, if there is one. */
export class Watching {
  readonly #context: JobContext;
  readonly #jobs: Jobs;
  readonly #publish: (watch: Watch | null) => void;
  #current: Watcher | null = null;
  /** The last one: its arrivals can be read after it has ended. */
  #last: Watcher | null = null;

  constructor(context: JobContext, jobs: Jobs, publish: (watch: Watch | null) => void) {
    this.#context = context;
    this.#jobs = jobs;
    this.#publish = publish;
  }

  get state(): Watch | null {
    return this.#current && { ...this.#current.state };
  }

  /** Starts the watch, or changes its threshold. Throws WinnowError. */
  start({ runId, rule, pollSeconds }: WatchRequest): Watch {
    const { runs, workspaceFolder } = this.#context;
    const detector = detectorOf(runs.get(runId), runFolder(workspaceFolder, runId));
    if (this.#current && this.#current.state.runId !== runId)
      throw new WinnowError(
        'job-running',
        `This folder is watched with ${this.#current.state.runId}. Stop that watch first.`,
      );
    this.#last = this.#current ??= new Watcher(this.#context, this.#jobs, detector, pollSeconds, {
      onChange: (state) => this.#publish({ ...state }),
      onStop: () => void this.stop(),
    });
    this.#current.setThreshold(placedThreshold(this.#context, detector.run, rule).score);
    return { ...this.#current.state };
  }

  /** Waits until its job has ended. */
  async stop(): Promise<void> {
    const stopped = this.#current?.close();
    this.#current = null;
    await stopped;
    if (!this.#current) this.#publish(null);
  }

  arrivals = (since: number, limit: number): { arrivals: Arrival[]; missed: number } =>
    this.#last?.arrivals(since, limit) ?? { arrivals: [], missed: 0 };
}

/** Programs write to such a name first, and rename the file when it is complete. */
const isPartial = (path: string): boolean =>
  /(^|\/)[.~][^/]*$|\.(part|partial|tmp|temp|crdownload|download)$/i.test(path);

class Watcher {
  readonly state: Watch;
  readonly #context: JobContext;
  readonly #jobs: Jobs;
  readonly #detector: Detector;
  readonly #listener: { onChange(state: Watch): void; onStop(): void };
  readonly #folder: FolderWatch;
  /** Changed paths that have not been looked at, with the time of the last change. */
  #changed = new Map<string, number>();
  /** The whole folder is to be looked at, from this time on. */
  #walkAt: number | null = performance.now();
  /** Files that could not be read, with their state and the time when it was first seen. */
  #unread = new Map<string, { state: string; since: number; isReported: boolean }>();
  #arrivals: Arrival[] = [];
  #job: Job | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** No job before this time. */
  #notBefore = 0;
  #isClosed = false;

  constructor(
    context: JobContext,
    jobs: Jobs,
    detector: Detector,
    pollSeconds: number | null,
    listener: { onChange(state: Watch): void; onStop(): void },
  ) {
    this.#context = context;
    this.#jobs = jobs;
    this.#detector = detector;
    this.#listener = listener;
    this.state = {
      runId: detector.run.id,
      threshold: null,
      pollSeconds,
      startedAt: Date.now(),
      arrived: 0,
      flagged: 0,
      problem: null,
    };
    this.#folder = watchFolder(context.folder, { pollSeconds, onChange: (path) => this.#note(path) });
    this.#folder.add(''); // before the first walk, so that nothing is missed
    this.#wake();
  }

  setThreshold(threshold: number | null) {
    this.state.threshold = threshold;
    this.#listener.onChange(this.state);
  }

  arrivals(since: number, limit: number): { arrivals: Arrival[]; missed: number } {
    const first = this.#arrivals[0]?.seq ?? this.state.arrived + 1;
    const from = Math.max(0, since + 1 - first);
    return { arrivals: this.#arrivals.slice(from, from + limit), missed: Math.max(0, first - 1 - since) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#folder.close();
    if (!this.#job) return;
    const ended = this.#jobs.ended(this.#job.id);
    this.#jobs.cancel(this.#job.id);
    await ended;
  }

  #note(path: string | null) {
    if (path !== null && (isPartial(path) || isInHiddenFolder(`${path}/`))) return;
    if (path !== null && this.#changed.size < maxChanged) this.#changed.set(path, performance.now());
    else this.#walkAt ??= performance.now();
    this.#wake();
  }

  /** Files that could not be read and are to be read again: nothing has changed them for a while. By path, with the time when they are due. */
  #doubtful = (): [string, number][] =>
    [...this.#unread].flatMap(([path, { since, isReported }]) =>
      isReported || this.#changed.has(path) ? [] : [[path, since + unreadableAfterMs]],
    );

  /** Queues a job if something is due, or waits until something is. */
  #wake() {
    if (this.#job || this.#isClosed) return;
    clearTimeout(this.#timer);
    let dueAt = this.#walkAt ?? Infinity;
    for (const changedAt of this.#changed.values()) dueAt = Math.min(dueAt, changedAt + quietMs);
    for (const [, at] of this.#doubtful()) dueAt = Math.min(dueAt, at);
    if (dueAt === Infinity) return;
    const inMs = Math.max(dueAt, this.#notBefore) - performance.now();
    if (inMs > 0) this.#timer = setTimeout(() => this.#wake(), Math.ceil(inMs));
    else this.#queue();
  }

  #queue() {
    const job = this.#jobs.start('watch', `Watch with ${this.state.runId}`, (report) => this.#lookNow(report));
    this.#job = job;
    this.#jobs.move(job.id, 'next');
    void this.#jobs.ended(job.id).then(({ state, error }) => {
      this.#job = null;
      if (this.#isClosed) return;
      if (state === 'cancelled') return this.#listener.onStop(); // by the user
      if (state === 'failed') this.#notBefore = performance.now() + retryAfterMs;
      this.#setProblem(error?.message ?? null);
      this.#wake();
    });
  }

  #setProblem(problem: string | null) {
    if (this.state.problem === problem) return;
    this.state.problem = problem;
    this.#listener.onChange(this.state);
  }

  /** Looks at what is due: at the whole folder, or at some paths. */
  async #lookNow(report: Report): Promise<string> {
    const { table } = this.#context;
    const now = performance.now();
    const due = (list: Iterable<[string, number]>) => [...list].flatMap(([path, at]) => (at <= now ? path : []));
    const paths = [
      ...due([...this.#changed].map(([path, changedAt]) => [path, changedAt + quietMs])),
      ...due(this.#doubtful()),
    ].slice(0, maxBatch);
    const changedAt = new Map(paths.map((path) => [path, this.#changed.get(path) ?? now]));
    for (const path of paths) this.#changed.delete(path); // a change from here on is another one
    const lookAgain = () => {
      for (const [path, at] of changedAt) if (!this.#changed.has(path)) this.#changed.set(path, at);
    };
    const unread: Unread[] = [];
    const onUnread = (issue: Unread) => unread.push(issue);
    try {
      const isOther = await this.#folder.hasOtherFolders(paths, report.signal);
      const walks = isOther || (this.#walkAt !== null && this.#walkAt <= now);
      if (walks) {
        this.#walkAt = null;
        await scan(this.#context, report, { onFolder: (path) => this.#folder.add(path), onUnread }).catch((error) => {
          this.#walkAt ??= now;
          throw error;
        });
        lookAgain(); // the walk reads no file whose size and time are the same
      } else await scanPaths(this.#context, paths, report, onUnread);
      const present = (walks ? table.samples() : table.samplesAt(paths)).filter(({ path }) => !isPartial(path));
      const scored = await scoreNew(this.#context, this.#detector, report, present);
      this.#keep([...this.#scores(scored), ...this.#unreadable(walks ? [] : paths, unread)]);
      return `${plural(scored.length, 'new image')} scored`;
    } catch (error) {
      lookAgain();
      throw error;
    }
  }

  #scores(samples: readonly Sample[]): Omit<Arrival, 'seq'>[] {
    const { threshold } = this.state;
    const values = this.#context.table.values(this.#detector.run.column);
    return samples.map(({ id, path }) => {
      this.#unread.delete(path);
      const score = values[id];
      return { path, score, flagged: threshold !== null && score >= threshold, threshold, at: Date.now(), issue: null };
    });
  }

  /** The unreadable files to report now, after these paths were looked at. Others are looked at again later. */
  #unreadable(paths: readonly string[], unread: readonly Unread[]): Omit<Arrival, 'seq'>[] {
    const failed = new Map(unread.map((issue) => [issue.path, issue]));
    for (const path of paths) if (!failed.has(path)) this.#unread.delete(path);
    return [...failed.values()].flatMap(({ path, code, message, bytes, modifiedMs }) => {
      if (code === 'vanished') return [];
      const now = performance.now();
      const state = `${code} ${bytes} ${modifiedMs}`;
      const before = this.#unread.get(path);
      if (before?.state !== state) {
        this.#unread.set(path, { state, since: now, isReported: false });
        return [];
      }
      if (before.isReported || now - before.since < unreadableAfterMs) return [];
      before.isReported = true;
      const { threshold } = this.state;
      return [{ path, score: null, flagged: false, threshold, at: Date.now(), issue: { code, message } }];
    });
  }

  #keep(arrivals: readonly Omit<Arrival, 'seq'>[]) {
    if (!arrivals.length) return;
    for (const arrival of arrivals) {
      this.#arrivals.push({ seq: ++this.state.arrived, ...arrival });
      if (arrival.flagged) this.state.flagged++;
    }
    this.#arrivals.splice(0, this.#arrivals.length - maxKept);
    this.#listener.onChange(this.state);
  }
}
