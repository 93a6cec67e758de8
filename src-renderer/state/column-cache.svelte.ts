/**
 * Values of the columns that the page reads: fetched when first read, and again when the column has changed. Above a memory limit, columns that nothing
 * on the page reads are dropped, least recently read first.
 */
import { tick } from 'svelte';
import type { ColumnValues } from '../../src-main/contract/read.ts';
import type { Column } from '../../src-main/contract/types.ts';

const memoryBytes = 128 * 2 ** 20;

export class ColumnCache {
  #fetch: (column: Column) => Promise<ColumnValues>;
  #onError: (error: unknown) => void;
  #memoryBytes: number;
  #columns: readonly Column[] = [];
  /** `readAt`: the version at which they were last read. */
  #kept = new Map<string, { revision: number; values: ColumnValues; readAt: number }>();
  #version = $state(0);

  constructor(
    fetch: (column: Column) => Promise<ColumnValues>,
    onError: (error: unknown) => void,
    limitBytes = memoryBytes,
  ) {
    this.#fetch = fetch;
    this.#onError = onError;
    this.#memoryBytes = limitBytes;
  }

  /** Increases when values of a column have arrived or changed. */
  get version() {
    return this.#version;
  }

  /** Values by sample id, NaN for none; empty until they arrive. Reading subscribes to changes. */
  values(name: string): ColumnValues {
    const version = this.#version;
    const kept = this.#kept.get(name);
    if (kept) {
      kept.readAt = version;
      return kept.values;
    }
    const empty = new Float64Array();
    this.#kept.set(name, { revision: -1, values: empty, readAt: version });
    this.#load(name).catch(this.#onError);
    return empty;
  }

  /** Takes the current list of columns, and fetches changed values again. */
  async update(columns: readonly Column[]): Promise<void> {
    this.#columns = columns;
    for (const name of this.#kept.keys()) await this.#load(name);
  }

  clear() {
    this.#kept.clear();
  }

  async #load(name: string) {
    const column = this.#columns.find((known) => known.name === name);
    if (!column || column.revision === this.#kept.get(name)?.revision) return;
    const values = await this.#fetch(column);
    this.#kept.set(name, { revision: column.revision, values, readAt: this.#version });
    this.#version++;
    await this.#trim(this.#version);
  }

  /** Everything that the page uses was read again after the version increased. */
  async #trim(version: number) {
    await tick();
    let bytes = [...this.#kept.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
    const unread = [...this.#kept].filter(([, { readAt }]) => readAt < version);
    for (const [name, { values }] of unread.sort(([, a], [, b]) => a.readAt - b.readAt)) {
      if (bytes <= this.#memoryBytes) break;
      this.#kept.delete(name);
      bytes -= values.byteLength;
    }
  }
}
