/** Targets of exports and maps in a replay script: the original place of each, or all in the one folder that the script's user names. */
import { basename, dirname, join } from 'node:path';
import { quoteWord } from '../contract/words.ts';
import type { JournalEntry } from './journal.ts';

/** Shell code, not to be quoted. */
export interface Shell {
  shell: string;
}

export class ExportTargets {
  /** By target, its name in the folder for exports. Of two targets with the same name, the second becomes `name-2`. */
  #names = new Map<string, string>();
  #last = new Map<string, JournalEntry>();

  constructor(entries: readonly JournalEntry[]) {
    for (const entry of entries)
      if (entry.kind === 'done' && entry.action.do === 'export' && entry.action.request.place !== 'move')
        this.#last.set(entry.action.request.to, entry);
  }

  /** A later export went to the same place: the user had emptied the folder, so the earlier export no longer exists. */
  isReplaced(entry: JournalEntry): boolean {
    if (entry.action.do !== 'export') return false;
    const { to, place } = entry.action.request;
    return place !== 'move' && this.#last.has(to) && this.#last.get(to) !== entry;
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
