/**
 * The filter: clauses that must all hold. Each clause is an expression, whether it is clicked, drawn or typed: it can be saved in a view, recorded as
 * the reason of a decision, and used on the command line. Each clause is evaluated once per sample and stored as bits; the shown images and the counts
 * of facets follow from these bits.
 */
import { parseCall } from '../../src-main/contract/column-functions.ts';
import { quote } from '../../src-main/contract/expression.ts';
import { predicateOf, readerOf } from '../../src-main/contract/read.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import type { Session } from './session.svelte.ts';

/** Facets by value, in the order of the panel; columns with class names follow. */
export const facetNames = ['decision', 'class', 'issue', 'duplicate', 'tag', 'split', 'format'] as const;
/** One of these, or a column of class numbers. */
export type FacetName = string;
/** The value of a facet for images without a value. */
export const none = '';

export interface Range {
  low: number;
  high: number;
}
interface Clause {
  key: string;
  expression: string;
  bit: number;
  isFound: (sample: Sample) => boolean;
}
export interface FacetValue {
  value: string;
  count: number;
}

const maxClauses = 31;

export class Filter {
  #session: Session;
  text = $state('');
  where = $state('');
  facets = $state.raw<ReadonlyMap<FacetName, ReadonlySet<string>>>(new Map());
  ranges = $state.raw<ReadonlyMap<string, Range>>(new Map());

  #lens: () => string | null;

  /** `lens`: the clause that the place adds. */
  constructor(session: Session, lens: () => string | null) {
    this.#session = session;
    this.#lens = lens;
  }

  /** Key and expression of each clause. */
  readonly #written: readonly (readonly [key: string, expression: string])[] = $derived.by(() => {
    const out: [string, string][] = [];
    const text = this.text.trim();
    if (text) out.push(['text', `(path contains ${quote(text)} or tag contains ${quote(text)})`]);
    for (const [name, values] of this.facets)
      if (values.size)
        out.push([
          `facet ${name}`,
          anyOf([...values].map((value) => `${name} = ${value === none ? 'none' : quote(value)}`)),
        ]);
    for (const [name, { low, high }] of this.ranges)
      out.push([
        `range ${name}`,
        [...(low > -Infinity ? [`${name} >= ${low}`] : []), ...(high < Infinity ? [`${name} <= ${high}`] : [])].join(
          ' and ',
        ),
      ]);
    const lens = this.#lens();
    if (lens) out.push(['lens', lens]);
    if (this.where.trim()) out.push(['where', this.where.trim()]);
    return out.filter(([, expression]) => expression).slice(0, maxClauses);
  });

  /** The error message for the typed expression; null if it is valid. */
  readonly problem: string | null = $derived.by(() => {
    try {
      if (this.where.trim()) predicateOf(this.where.trim(), this.#session.source);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  });

  readonly #clauses: readonly Clause[] = $derived.by(() => {
    const { source } = this.#session;
    return this.#written.flatMap(([key, expression], i) => {
      try {
        return [{ key, expression, bit: 1 << i, isFound: predicateOf(expression, source) }];
      } catch {
        return []; // a deleted column, or an incomplete expression
      }
    });
  });
  readonly isSet = $derived(this.#clauses.length > 0);
  readonly #all = $derived(this.#clauses.reduce((bits, { bit }) => bits | bit, 0));

  /** Bits of the clauses that hold, by the index in `session.samples`. */
  readonly #answers: Uint32Array = $derived.by(() => {
    const { samples } = this.#session;
    const answers = new Uint32Array(samples.length);
    for (const { bit, isFound } of this.#clauses)
      for (let i = 0; i < samples.length; i++) if (isFound(samples[i])) answers[i] |= bit;
    return answers;
  });

  /** 1 for each shown sample, by id. */
  readonly shown: Uint8Array = $derived.by(() => this.#passing(0));

  /** The whole filter as one expression; null without a filter. */
  readonly expression: string | null = $derived(
    this.#clauses.length
      ? this.#clauses
          .map(({ key, expression }) =>
            key === 'where' && this.#clauses.length > 1 && /\bor\b/i.test(expression) ? `(${expression})` : expression,
          )
          .join(' and ')
      : null,
  );

  /** 1 for each sample that passes all clauses except that of `key`, by id. */
  without(key: string): Uint8Array {
    return this.#passing(this.#clauses.find((clause) => clause.key === key)?.bit ?? 0);
  }

  readonly #length: number = $derived.by(() => {
    let most = 0;
    for (const id of this.#session.ids) if (id > most) most = id;
    return most + 1;
  });

  #passing(ignored: number): Uint8Array {
    const { samples } = this.#session;
    const [answers, wanted] = [this.#answers, this.#all & ~ignored];
    const out = new Uint8Array(this.#length);
    for (let i = 0; i < samples.length; i++) if ((answers[i] & wanted) === wanted) out[samples[i].id] = 1;
    return out;
  }

  /** How many samples have a decision, of those that pass all clauses except the one on decisions. */
  readonly progress: { reviewed: number; of: number } = $derived.by(() => {
    const passes = this.without('facet decision');
    let [reviewed, of] = [0, 0];
    for (const { id, decision } of this.#session.samples) {
      if (!passes[id]) continue;
      of++;
      if (decision !== null) reviewed++;
    }
    return { reviewed, of };
  });

  /** The values of a facet with their counts under the other clauses, most frequent first; ‘no value’ is last. */
  valuesOf(name: FacetName): FacetValue[] {
    const { samples, source } = this.#session;
    const read = readerOf(name, source);
    if (!read) return [];
    const passes = this.without(`facet ${name}`);
    const counts = new Map<string, number>();
    let [empty, any] = [0, 0];
    for (const sample of samples) {
      const own = read(sample);
      const values = Array.isArray(own) ? (own as readonly string[]) : own === null ? [] : [String(own)];
      any += values.length;
      const weight = passes[sample.id];
      if (!values.length) empty += weight;
      for (const value of values) counts.set(value, (counts.get(value) ?? 0) + weight);
    }
    if (!any && name !== 'decision') return [];
    const list = [...counts]
      .map(([value, count]) => ({ value, count }))
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
    return [...list, { value: none, count: empty }];
  }

  /** Selects only this value, or adds it to the selected ones; a second call removes it. */
  choose(name: FacetName, value: string, isAdding: boolean) {
    const own = this.facets.get(name) ?? new Set<string>();
    const next = isAdding ? new Set(own) : new Set<string>();
    if (own.has(value) && (isAdding || own.size === 1)) next.delete(value);
    else next.add(value);
    this.#setFacet(name, next);
  }

  #setFacet(name: FacetName, values: ReadonlySet<string>) {
    const facets = new Map(this.facets);
    if (values.size) facets.set(name, values);
    else facets.delete(name);
    this.facets = facets;
  }

  setRange(name: string, range: Range | null) {
    const ranges = new Map(this.ranges);
    if (range) ranges.set(name, range);
    else ranges.delete(name);
    this.ranges = ranges;
  }

  /** Each clause as a chip, with a function that removes it. */
  readonly chips: readonly { key: string; title: string; remove: () => void }[] = $derived.by(() => [
    ...(this.text.trim() ? [{ key: 'text', title: `‘${this.text.trim()}’`, remove: () => void (this.text = '') }] : []),
    ...[...this.facets].map(([name, values]) => ({
      key: name,
      title: `${name}: ${[...values].map((value) => (value === none ? 'none' : value)).join(', ')}`,
      remove: () => this.#setFacet(name, new Set()),
    })),
    ...[...this.ranges].map(([name, range]) => ({
      key: `range ${name}`,
      title: `${parseCall(name) ? name.replace(/\(.*/, '') : name} ${rangeTitle(range)}`,
      remove: () => this.setRange(name, null),
    })),
    ...(this.where.trim() && !this.problem
      ? [{ key: 'where', title: this.where.trim(), remove: () => void (this.where = '') }]
      : []),
  ]);

  clear() {
    this.text = '';
    this.where = '';
    this.facets = new Map();
    this.ranges = new Map();
  }
}

const anyOf = (list: readonly string[]) => (list.length > 1 ? `(${list.join(' or ')})` : (list[0] ?? ''));
const shortNumber = (value: number) => String(Number(value.toPrecision(3)));
const rangeTitle = ({ low, high }: Range) =>
  low === -Infinity
    ? `≤ ${shortNumber(high)}`
    : high === Infinity
      ? `≥ ${shortNumber(low)}`
      : `${shortNumber(low)} … ${shortNumber(high)}`;
