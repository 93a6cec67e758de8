/** The watch of the folder: its state, and the alarms and unreadable files among the arrivals. */
import { movedRule } from '../../src-main/contract/threshold.ts';
import type { Arrival, Watch } from '../../src-main/contract/watch.ts';
import type { Calls } from '../lib/engine.ts';
import { plural, score } from '../lib/format.ts';
import { notices } from './notices.svelte.ts';

/** The number of listed arrivals. */
const mostListed = 200;

export class Watching {
  watch = $state.raw<Watch | null>(null);
  /** Alarms and unreadable files, newest first. They stay when the watch has ended. */
  listed = $state.raw<readonly Arrival[]>([]);
  /** This page has started the watch, so its threshold is that of the alarms. */
  isOwn = $state(false);
  #calls: Calls;
  /** Number of the last arrival that was fetched; null before the first state. */
  #seen: number | null = null;
  #startedAt = 0;
  #isFetching = false;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Takes a new state of the engine. */
  take(watch: Watch | null) {
    const problem = watch?.problem ?? null;
    if (problem && problem !== this.watch?.problem)
      notices.add('error', `Watching does not work at present and is tried again: ${problem}`);
    this.watch = watch;
    if (!watch) this.isOwn = false;
    if (watch && watch.startedAt !== this.#startedAt) {
      // Of a watch that began before this page, older arrivals are listed but not announced.
      const isOlder = this.#seen === null && watch.arrived > 0;
      this.#startedAt = watch.startedAt;
      this.listed = [];
      this.#seen = 0;
      if (isOlder) return void this.#fetch(false);
    }
    this.#seen ??= 0;
    void this.#fetch(true);
  }

  async start(runId: string, threshold: number) {
    try {
      await this.#calls.watch.start.mutate({ runId, rule: { rule: movedRule, value: threshold } });
      this.isOwn = true;
    } catch (error) {
      notices.fail(error);
    }
  }

  async stop() {
    await this.#calls.watch.stop.mutate().catch((error: unknown) => notices.fail(error));
  }

  /** Fetches the arrivals that are new. A call during another one is part of it. */
  async #fetch(announces: boolean) {
    if (this.#isFetching) return;
    this.#isFetching = true;
    const alarms: Arrival[] = [];
    try {
      while (this.watch && this.watch.arrived > (this.#seen as number)) {
        const { arrivals } = await this.#calls.watch.arrivals.query({ since: this.#seen as number });
        if (!arrivals.length) break;
        this.#seen = (arrivals.at(-1) as Arrival).seq;
        const listed = arrivals.filter(({ flagged, issue }) => flagged || issue);
        this.listed = [...listed.toReversed(), ...this.listed].slice(0, mostListed);
        alarms.push(...listed.filter(({ flagged }) => flagged));
      }
    } catch (error) {
      notices.fail(error);
    } finally {
      this.#isFetching = false;
    }
    const [first] = alarms;
    if (!announces || !first) return;
    notices.add(
      'error',
      alarms.length === 1
        ? `Alarm: ${first.path}, score ${score(first.score as number)}.`
        : `${plural(alarms.length, 'alarm')}, for example ${first.path}. They are listed in Anomalies.`,
    );
  }
}
