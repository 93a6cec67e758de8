/** Where a script's exports and maps go: where they went, or into one folder for all of them. */
import { basename, dirname, join } from 'node:path';
import { quoteWord } from '../contract/words.ts';
import type { Record } from './journal.ts';

/** Shell as it is, not to be quoted. */
export interface Shell {
  shell: string;
}

/** Two of one name lie beside each other in the folder for exports. */
export class ExportTargets {
  #names = new Map<string, string>();
  #last = new Map<string, Record>();

  constructor(records: readonly Record[]) {
    for (const record of records)
      if (record.kind === 'done' && record.action.do === 'export' && record.action.request.place !== 'move')
        this.#last.set(record.action.request.to, record);
  }

  /** An export whose folder was emptied by hand and filled by a later one is no more. */
  isReplaced(record: Record): boolean {
    if (record.action.do !== 'export') return false;
    const { to, place } = record.action.request;
    return place !== 'move' && this.#last.has(to) && this.#last.get(to) !== record;
  }

  word(to: string): Shell {
    let name = this.#names.get(to);
    if (name === undefined) {
      const taken = new Set(this.#names.values());
      name = basename(to) || 'export';
      for (let n = 2; taken.has(name); n++) name = `${basename(to)}-${n}`;
      this.#names.set(to, name);
    }
    return { shell: `"$(target ${quoteWord(join(dirname(to), basename(to)))} ${quoteWord(name)})"` };
  }
}
