/**
 * The loop of a search: asks the strategy for the next trial, runs as many as there are slots, ends bad ones early, keeps the best checkpoints, and repeats the best trials.
 * The row of a trial exists before it starts, and everything that the loop knows is in the rows: an interrupted search continues from them with the same suggestions.
 */
import { stopperOf } from '../../compute/search/stoppers.ts';
import type { Suggestion } from '../../compute/search/strategy.ts';
import { explain, WinnowError } from '../../contract/errors.ts';
import { largestOf } from '../../contract/numbers.ts';
import type { SearchChangeRequest } from '../../contract/search-schemas.ts';
import type { SearchState, Trial } from '../../contract/search.ts';
import { bestFirst, candidatesOf, mainTrials } from '../../contract/trials.ts';
import type { Report } from '../../workspace/report.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import { countStates } from '../../workspace/trials.ts';
import type { JobContext } from '../context.ts';
import type { ActiveRun } from '../run-runner.ts';
import { changed } from './change.ts';
import { limitCheckpoints } from './checkpoints.ts';
import type { Executor, TrialTask } from './executor.ts';
import { defaultsIn, observedOf } from './observed.ts';
import { missingRepeats, repeatSeed } from './repeats.ts';
import { newTrial } from './new-trial.ts';
import { patienceFor, progressOf } from './progress.ts';
import { checkParameters } from './subject.ts';

/** If so many trials fail before any succeeds, the fault is not in their parameters. */
const mostFailures = 5;

interface Active {
  stop: AbortController;
  reason: string | null;
  /** It has finished an epoch since the search was asked to pause. */
  isReady: boolean;
  ended: Promise<void>;
}

export class TrialLoop {
  readonly #context: JobContext;
  readonly #run: ActiveRun;
  readonly #executor: Executor;
  readonly #report: Report;
  readonly #pause: AbortSignal;
  readonly #interrupt = new AbortController();
  readonly #active = new Map<number, Active>();
  readonly #startedAt = performance.now();
  readonly #secondsBefore: number;
  readonly #checkpointBytes: number;
  /** Trials of earlier attempts. */
  readonly #doneBefore: number;
  #fault: WinnowError | null = null;

  /** `checkpointBytes`: the largest checkpoint that is expected. */
  constructor(
    context: JobContext,
    run: ActiveRun,
    executor: Executor,
    report: Report,
    { pause, checkpointBytes }: { pause: AbortSignal; checkpointBytes: number },
  ) {
    this.#checkpointBytes = checkpointBytes;
    this.#context = context;
    this.#run = run;
    this.#executor = executor;
    this.#report = report;
    this.#pause = pause;
    this.#secondsBefore = run.record.seconds ?? 0;
    this.#doneBefore = mainTrials(context.trials.list(run.id)).length;
  }

  get state(): SearchState {
    return this.#run.record.search as SearchState;
  }

  get trials(): Trial[] {
    return this.#context.trials.list(this.#run.id);
  }

  /** How many trials may run at once. */
  get #slots(): number {
    return Math.min(this.state.request.parallel, this.#executor.slots);
  }

  /** Of all attempts together. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#startedAt) / 1000;
  }

  change(change: SearchChangeRequest): void {
    this.#update(changed(this.state, change, mainTrials(this.trials).length));
    this.#showProgress();
  }

  stopTrial(number: number): void {
    const active = this.#active.get(number);
    if (!active) throw new WinnowError('bad-request', `Trial ${number} does not run.`);
    active.reason = 'Stopped by you.';
    active.stop.abort();
  }

  /** Runs trials until the search ends or is interrupted. Returns why it ended, in words; null if other work wants to start. Throws WinnowError. */
  async run(): Promise<string | null> {
    const { signal } = this.#report;
    const interrupt = (): void => this.#interrupt.abort();
    signal.addEventListener('abort', interrupt, { once: true });
    let patience: NodeJS.Timeout | undefined;
    this.#pause.addEventListener('abort', () => (patience = setTimeout(interrupt, patienceFor(this.trials))), {
      once: true,
    });
    try {
      this.#showProgress();
      const ended = await this.#loop();
      if (this.#fault) throw this.#fault;
      signal.throwIfAborted();
      return ended;
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', interrupt);
      this.#interrupt.abort();
      await Promise.all([...this.#active.values()].map(({ ended }) => ended));
      this.#update({});
    }
  }

  async #loop(): Promise<string | null> {
    const isOpen = (): boolean => !this.#pause.aborted && !this.#interrupt.signal.aborted && this.#fault === null;
    for (;;) {
      const ended = await this.#propose(isOpen);
      if (ended === null || !(await this.#repeat(isOpen))) return null;
      // The budget or the bounds may have been changed during the repeats.
      const next = await this.#next();
      if (typeof next === 'string') return next;
    }
  }

  /** Runs proposed trials. Returns why there are no more; null if it was interrupted. */
  async #propose(isOpen: () => boolean): Promise<string | null> {
    let ended: string | null = null;
    while (isOpen()) {
      ended = null; // the budget may have been raised
      while (isOpen() && this.#active.size < this.#slots && ended === null) {
        const next = await this.#next();
        if (typeof next === 'string') ended = next;
        else if (isOpen()) this.#start(next);
      }
      if (!this.#active.size) break;
      await Promise.race([...this.#active.values()].map((active) => active.ended));
    }
    await Promise.all([...this.#active.values()].map((active) => active.ended));
    return isOpen() ? ended : null;
  }

  /** The next trial to run, or why there is none. */
  async #next(): Promise<Trial | string> {
    const { request } = this.state;
    const trials = this.trials;
    const own = mainTrials(trials);
    const open = trials.find(({ state, number }) => state === 'interrupted' && !this.#active.has(number));
    if (open) return open;
    const { trials: most, minutes, untilNoMore } = request.budget;
    if (most !== null && own.length >= most)
      return own.length > most ? `${own.length} trials are done, more than ${most}.` : `All ${most} trials are done.`;
    if (minutes !== null && this.seconds >= 60 * minutes) return `${minutes} minutes are used up.`;
    // Since this attempt and the last change of bounds: what failed before may be mended.
    const recent = own.slice(Math.max(this.#doneBefore, this.state.changes.at(-1)?.afterTrial ?? 0));
    if (recent.length >= mostFailures && recent.every(({ state }) => state === 'failed'))
      throw new WinnowError(
        'failed',
        `${own.length === recent.length ? 'The first' : 'Another'} ${recent.length} trials failed, so the search was ended. The first one: ${recent[0].reason ?? ''}`,
      );
    const defaults = own.length ? null : defaultsIn(this.state);
    if (defaults) return this.#new(trials, { parameters: defaults, origin: 'defaults' });
    const { parameters, expected, isExhausted } = await this.#suggest(own.length + 1, trials);
    if (!parameters) return 'All points of the space were tried.';
    if (untilNoMore && isExhausted) return 'The surrogate expects no more improvement than noise explains.';
    return this.#new(trials, { parameters, origin: request.strategy, expected });
  }

  async #suggest(number: number, trials: readonly Trial[]): Promise<Suggestion> {
    const { request, objective } = this.state;
    const { strategy, settings, space, seed } = request;
    try {
      return await this.#context.compute.call(
        'suggest',
        {
          strategy,
          settings,
          space,
          direction: objective.direction,
          observed: observedOf(this.state, trials),
          number,
          seed,
        },
        { signal: this.#report.signal },
      );
    } catch (error) {
      throw toWinnowError(error);
    }
  }

  #new(trials: readonly Trial[], given: Pick<Trial, 'parameters' | 'origin'> & Partial<Trial>): Trial {
    const number =
      largestOf(
        trials.map((trial) => trial.number),
        0,
      ) + 1;
    return newTrial(this.#run.id, number, { seed: this.state.request.seed, ...given });
  }

  /** The best trials and the defaults again. False if it was interrupted. */
  async #repeat(isOpen: () => boolean): Promise<boolean> {
    for (;;) {
      const { request, objective } = this.state;
      const trials = this.trials;
      const open = trials.filter(({ state, number }) => state === 'interrupted' && !this.#active.has(number));
      const missing = missingRepeats(trials, request, objective);
      while (isOpen() && this.#active.size < this.#slots && (open.length || missing.length)) {
        const earlier = open.shift();
        if (earlier) this.#start(earlier);
        else {
          const { of, index } = missing.shift()!;
          this.#start(
            this.#new(this.trials, {
              parameters: of.parameters,
              origin: 'repeat',
              repeats: of.number,
              ...repeatSeed(request, index),
            }),
          );
        }
      }
      if (!this.#active.size) return isOpen();
      await Promise.race([...this.#active.values()].map((active) => active.ended));
    }
  }

  #put(trial: Trial): void {
    this.#context.trials.put(this.#run.id, trial);
    this.#context.publishTrial(this.#run.id, trial);
  }

  #start(from: Trial): void {
    const active: Active = { stop: new AbortController(), reason: null, isReady: false, ended: Promise.resolve() };
    this.#active.set(from.number, active);
    const trial: Trial = { ...from, state: 'running', endedAt: null, reason: null };
    this.#put(trial);
    this.#update({});
    active.ended = this.#execute(trial, active, from.state === 'interrupted').finally(() => {
      this.#active.delete(trial.number);
      this.#showProgress();
    });
  }

  async #execute(started: Trial, active: Active, resume: boolean): Promise<void> {
    const { request, fixed, objective, dataHash } = this.state;
    const { subject, repeats } = request;
    const startedAt = performance.now();
    let trial = started;
    const seconds = (): number => started.seconds + (performance.now() - startedAt) / 1000;
    const end = (change: Partial<Trial>): void => {
      trial = { ...trial, seconds: seconds(), bytes: this.#executor.bytesOf(trial.id), ...change };
      this.#put(trial);
      for (const smaller of this.#limitDisk()) this.#put(smaller);
      this.#update({});
    };
    try {
      const task: TrialTask = {
        id: trial.id,
        subject,
        parameters: checkParameters(subject, { ...fixed, ...trial.parameters }),
        seed: trial.seed,
        dataHash,
        fold: trial.fold === null ? null : { of: repeats.times, index: trial.fold },
        objective: objective.id,
        resume,
      };
      const result = await this.#executor.run(task, {
        signal: this.#interrupt.signal,
        stop: active.stop.signal,
        onEpoch: (curve, allEpochs) => {
          trial = { ...trial, curve, epochs: curve.length || trial.epochs, allEpochs, seconds: seconds() };
          this.#put(trial);
          this.#judgeEarly(trial, active);
          if (this.#pause.aborted) this.#ready(active);
        },
      });
      const wasStopped = active.stop.signal.aborted;
      const { value, low, high, epochs } = result;
      end({
        value,
        low,
        high,
        epochs: epochs ?? trial.epochs,
        endedAt: Date.now(),
        state: wasStopped ? 'stopped' : value === null ? 'failed' : 'done',
        reason: [wasStopped ? active.reason : null, result.reason].filter(Boolean).join(' ') || null,
      });
    } catch (error) {
      const { code, message } = explain(toWinnowError(error));
      if (this.#interrupt.signal.aborted || code === 'cancelled') end({ state: 'interrupted' });
      else if (code === 'disk-full' || code === 'nothing-to-do') {
        // Not a fault of these parameters: it continues when the search does.
        end({ state: 'interrupted', reason: message });
        this.#fault = new WinnowError(code, message);
      } else end({ state: 'failed', reason: message, endedAt: Date.now() });
      if (code === 'cancelled' && !this.#interrupt.signal.aborted)
        this.#fault ??= new WinnowError(
          'compute-lost',
          'The compute process was stopped. Resume the search to continue.',
        );
    }
  }

  #judgeEarly(trial: Trial, active: Active): void {
    const { request, objective } = this.state;
    if (trial.repeats !== null || !trial.curve.length || active.stop.signal.aborted) return;
    const others = mainTrials(this.trials)
      .filter(({ number, curve, state }) => number !== trial.number && curve.length && state !== 'failed')
      .map(({ curve }) => curve);
    const reason = stopperOf(request.stopper)?.reason({
      curve: trial.curve,
      allEpochs: trial.allEpochs ?? trial.curve.length,
      others,
      direction: objective.direction,
    });
    if (!reason || trial.curve.length >= (trial.allEpochs ?? 0)) return;
    active.reason = reason;
    active.stop.abort();
  }

  /** When all running trials have finished an epoch, nothing is lost by interrupting them. */
  #ready(active: Active): void {
    active.isReady = true;
    if ([...this.#active.values()].every(({ isReady }) => isReady)) this.#interrupt.abort();
  }

  /** While a checkpoint is written, the one before it exists too. The next trials start before the last ones are limited again. */
  #limitDisk(): Trial[] {
    const { request, objective } = this.state;
    const trials = this.trials;
    const largest = largestOf(
      trials.map(({ bytes }) => bytes),
      this.#checkpointBytes,
    );
    const open = trials.filter(({ state }) => state === 'running' || state === 'interrupted').length;
    const next = Math.max(0, this.#slots - open);
    return limitCheckpoints(this.#executor, trials, objective, {
      limitBytes: request.diskMiB * 2 ** 20 - next * 2 * largest,
      reserveBytes: 2 * largest,
    });
  }

  #showProgress(): void {
    const { title, done, total } = progressOf(this.trials, this.state);
    if (this.#stage !== title) this.#report.stage((this.#stage = title), total, 'trials');
    this.#report.progress(done, total);
  }
  #stage = '';

  /** Stores the change with the counts and the best trial so far. */
  #update(change: Partial<SearchState>): void {
    const trials = this.trials;
    const best = candidatesOf(trials).sort(bestFirst(this.state.objective.direction)).at(0);
    this.#run.update(({ search }) => ({
      seconds: this.seconds,
      search: {
        ...(search as SearchState),
        ...change,
        counts: countStates(trials),
        best: best?.number ?? null,
        bestValue: best?.value ?? null,
      },
    }));
  }
}
