/**
 * Values of the columns that the page reads: fetched when first read, and again when the column has changed. Over a limit of memory, columns that nothing
 * on the page reads are dropped, the one read longest ago first.
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

  /** Moves on when values of a column have come or changed. */
  get version() {
    return this.#version;
  }

  /** Values by sample id, NaN for none; empty until they have come. Reading it subscribes to it. */
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

  /** Takes the list of columns as it is now, and fetches values again that have changed. */
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

  /** What is read on the page was read again after the version moved on. */
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
