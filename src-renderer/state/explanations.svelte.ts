/**
 * Maps that explain the output of a network for images. A component says which map it shows; only those are requested, and a request that nobody shows any more
 * is aborted, so that stepping through images costs nothing. The last ones are kept.
 */
import { untrack } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import type { Explanation } from '../../src-main/contract/inside.ts';
import type { Progress } from '../../src-main/contract/inside-procedures.ts';
import { messageOf } from '../lib/engine.ts';
import { keyOf, requestOf, scaleKeyOf, topOf, type Question } from '../lib/explanation.ts';
import { callInside } from '../lib/inside.ts';
import type { ErrorMap } from './error-maps.svelte.ts';
import type { Session } from './session.svelte.ts';

export interface Answer {
  map: ErrorMap | null;
  explanation: Explanation | null;
  /** Why there is no map. */
  problem: string | null;
  /** Of a request under way that reports it. */
  progress: Progress | null;
}

/** `look`: the image that a person looks at; `tiles`: small images, of which many are shown, so they wait. */
export type Lane = 'look' | 'tiles';

interface Shown {
  question: Question;
  lane: Lane;
  /** How many components show it. */
  count: number;
  /** Set while it is requested. */
  stop: AbortController | null;
}

/** About 30 maps of 224 × 224, or all tiles of a large window. */
const maxKeptValues = 1.5e6;
const maxTilesAtOnce = 2;
/** While stepping quickly, nothing is requested. */
const restMs = 40;
const waiting: Answer = { map: null, explanation: null, problem: null, progress: null };

export class Explanations {
  static readonly #of = new WeakMap<Session, Explanations>();
  readonly #workspaceId: string;
  readonly #call: typeof callInside;
  readonly #answers = new SvelteMap<string, Answer>();
  /** By key; tiles in the order in which they wait. */
  readonly #shown = new Map<string, Shown>();
  readonly #tops = new SvelteMap<string, number>();

  static of(session: Session): Explanations {
    const known = this.#of.get(session) ?? new Explanations(session.id);
    this.#of.set(session, known);
    return known;
  }

  constructor(workspaceId: string, call: typeof callInside = callInside) {
    this.#workspaceId = workspaceId;
    this.#call = call;
  }

  /** All null until the map arrives. Reading subscribes to changes. */
  answer = (question: Question): Answer => this.#answers.get(keyOf(question)) ?? waiting;

  /** The top of the scale: the largest of the maps of this kind that were seen, or of this map alone. Reading subscribes to changes. */
  top(question: Question, isOwn: boolean): number {
    const { map } = this.answer(question);
    return (isOwn && map ? topOf(map.values) : this.#tops.get(scaleKeyOf(question))) || 1;
  }

  /** Shows a map until the returned function is called. Call inside an effect. */
  show(question: Question, lane: Lane = 'look'): () => void {
    return untrack(() => {
      const key = keyOf(question);
      const shown = this.#shown.get(key) ?? { question, lane, count: 0, stop: null };
      shown.count++;
      if (lane === 'look') shown.lane = lane;
      this.#shown.set(key, shown);
      const known = this.#answers.get(key);
      if (known?.problem) this.#answers.delete(key); // perhaps it can be answered now
      this.#start();
      let isShown = true;
      return () => {
        if (!isShown) return;
        isShown = false;
        if (--shown.count) return;
        this.#shown.delete(key);
        shown.stop?.abort();
        untrack(() => this.#keepLast());
        this.#start();
      };
    });
  }

  /** Starts what may run now: what is looked at, then tiles. */
  #start() {
    const running = [...this.#shown.values()].filter(({ stop }) => stop);
    const isLooking = running.some(({ lane }) => lane === 'look');
    let free = maxTilesAtOnce - running.length;
    for (const [key, shown] of this.#shown) {
      if (shown.stop || this.#isAnswered(key)) continue;
      if (shown.lane === 'look') void this.#request(key, shown);
      else if (!isLooking && free-- > 0) void this.#request(key, shown);
    }
  }

  #isAnswered(key: string): boolean {
    const answer = untrack(() => this.#answers.get(key));
    return Boolean(answer?.map ?? answer?.problem);
  }

  async #request(key: string, shown: Shown) {
    const { signal } = (shown.stop = new AbortController());
    const { question, lane } = shown;
    if (lane === 'look') await new Promise((resolve) => setTimeout(resolve, restMs));
    if (signal.aborted) return;
    try {
      const { header, arrays } = await this.#call(this.#workspaceId, 'explanation', requestOf(question), {
        signal,
        onEvent: (progress) => signal.aborted || this.#answers.set(key, { ...waiting, progress }),
      });
      if (signal.aborted) return;
      const values = arrays.map as Float32Array;
      const scale = scaleKeyOf(question);
      this.#tops.set(scale, Math.max(untrack(() => this.#tops.get(scale)) ?? 0, topOf(values)));
      this.#answers.set(key, {
        ...waiting,
        map: { rows: header.rows, columns: header.columns, values },
        explanation: header,
      });
    } catch (error) {
      if (signal.aborted) return;
      this.#answers.set(key, { ...waiting, problem: messageOf(error) });
    }
    shown.stop = null;
    this.#keepLast();
    this.#start();
  }

  /** Forgets the oldest maps that are not shown, and answers that did not arrive. */
  #keepLast() {
    let values = 0;
    for (const [key, { map }] of [...this.#answers].reverse()) {
      values += map?.values.length ?? 0;
      if (!this.#shown.has(key) && (!map || values > maxKeptValues)) this.#answers.delete(key);
    }
  }
}
