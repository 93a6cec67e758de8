/**
 * An answer of the engine that follows what a panel shows: the last answer stays until the next one arrives, so that nothing flickers, and a new request ends the
 * one before it.
 */
import { untrack } from 'svelte';
import type { Progress } from '../../src-main/contract/inside-procedures.ts';
import { messageOf } from '../lib/engine.ts';

export interface Work {
  signal: AbortSignal;
  /** Progress, or an intermediate result, of this request. */
  onEvent(event: Progress): void;
}

export class Latest<Answer> {
  readonly #restMs: number;
  value = $state.raw<Answer | null>(null);
  /** What `value` answers. */
  valueKey = $state.raw<string | null>(null);
  /** The message of the last request, if it failed. */
  problem = $state.raw<string | null>(null);
  isAsking = $state(false);
  progress = $state.raw<Progress | null>(null);
  #key: string | null = null;
  #stop: AbortController | null = null;

  /** `restMs`: a request waits so long for a newer one. */
  constructor(restMs = 0) {
    this.#restMs = restMs;
  }

  /** Asks, unless the same was asked last. `key` null: there is nothing to ask. Call inside an effect. `keeps` false: the last answer is of no use meanwhile. */
  ask(key: string | null, work: (work: Work) => Promise<Answer>, keeps = true) {
    untrack(() => {
      if (key === this.#key && (this.isAsking || this.problem === null)) return;
      if (key === null || (!keeps && key !== this.valueKey)) this.clear();
      if (key !== null) void this.#run(key, work);
    });
  }

  /** Ends the request under way; the last answer stays. */
  cancel() {
    this.#stop?.abort();
    this.#stop = null;
    this.#key = this.valueKey;
    [this.isAsking, this.progress] = [false, null];
  }

  clear() {
    this.cancel();
    this.#key = null;
    [this.value, this.valueKey, this.problem] = [null, null, null];
  }

  async #run(key: string, work: (work: Work) => Promise<Answer>) {
    this.#stop?.abort();
    const { signal } = (this.#stop = new AbortController());
    this.#key = key;
    [this.isAsking, this.progress] = [true, null];
    try {
      if (this.#restMs) await new Promise((resume) => setTimeout(resume, this.#restMs));
      if (signal.aborted) return;
      const value = await work({ signal, onEvent: (event) => !signal.aborted && (this.progress = event) });
      if (!signal.aborted) [this.value, this.valueKey, this.problem] = [value, key, null];
    } catch (error) {
      if (!signal.aborted) [this.value, this.valueKey, this.problem] = [null, null, messageOf(error)];
    } finally {
      if (!signal.aborted) [this.isAsking, this.progress] = [false, null];
    }
  }
}
