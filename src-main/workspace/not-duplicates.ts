/**
 * Images that the user marked as not duplicates of each other. Marking many images writes one setting, a set of content hashes, so that 2,000 blank
 * frames are 2,000 hashes and not two million pairs. Earlier versions wrote pairs. (The stored names of these settings are `apart-set` and `apart`.)
 */
import { hash } from 'node:crypto';
import type { Sample } from '../contract/types.ts';
import { settingKey, type Settings } from './settings.ts';

type Known = Pick<Sample, 'sha256'>;

/** The setting that marks these samples. If several samples have the same content, its hash is listed twice: its copies are not duplicates either. */
export function notDuplicatesSetting(samples: readonly Known[]): [key: string, contents: string[]] {
  const contents = [...Map.groupBy(samples, ({ sha256 }) => sha256)]
    .flatMap(([sha256, copies]) => (copies.length > 1 ? [sha256, sha256] : [sha256]))
    .sort();
  return [settingKey('apart-set', hash('sha256', contents.join()).slice(0, 32)), contents];
}

/** Samples that can be one group. */
class Part<S extends Known> {
  readonly samples: S[] = [];
  readonly contents = new Set<string>();
  /** The not-duplicates sets with a content in this part. A part has at most one content of each set. */
  readonly sets = new Set<number>();
}

export class NotDuplicates {
  #pairs = new Map<string, Set<string>>();
  /** By content: the sets that it is in. */
  #sets = new Map<string, number[]>();
  /** Contents whose identical copies are marked as not duplicates. */
  #separateCopies = new Set<string>();

  constructor(settings: Settings) {
    for (const [pair] of settings.all('apart')) {
      const [a, b] = pair.split(' ');
      this.#addPair(a, b);
      this.#addPair(b, a);
      if (a === b) this.#separateCopies.add(a);
    }
    for (const [set, [, contents]] of settings.all<string[]>('apart-set').entries()) {
      for (const [i, content] of contents.entries()) {
        if (content === contents[i - 1]) this.#separateCopies.add(content);
        else this.#sets.set(content, [...(this.#sets.get(content) ?? []), set]);
      }
    }
  }

  #addPair(a: string, b: string) {
    const partners = this.#pairs.get(a);
    if (partners) partners.add(b);
    else this.#pairs.set(a, new Set([b]));
  }

  /**
   * Splits a group into parts without two samples that are marked as not duplicates: each sample goes to the first part that accepts it.
   * Drops parts with one sample.
   */
  splitGroup<S extends Known>(list: readonly S[]): S[][] {
    const parts: Part<S>[] = [];
    const homes = new Map<string, Part<S>>();
    /** By set: the first part without a content of this set. */
    const full = new Map<number, number>();
    for (const sample of list) {
      const { sha256 } = sample;
      const home = this.#separateCopies.has(sha256) ? undefined : homes.get(sha256);
      if (home) {
        home.samples.push(sample);
        continue;
      }
      const sets = this.#sets.get(sha256) ?? [];
      let at = sets.reduce((most, set) => Math.max(most, full.get(set) ?? 0), 0);
      while (at < parts.length && !this.#accepts(parts[at], sha256, sets)) at++;
      const part = (parts[at] ??= new Part());
      part.samples.push(sample);
      part.contents.add(sha256);
      homes.set(sha256, part);
      for (const set of sets) {
        part.sets.add(set);
        let next = full.get(set) ?? 0;
        while (parts[next]?.sets.has(set)) next++;
        full.set(set, next);
      }
    }
    return parts.map(({ samples }) => samples).filter((samples) => samples.length > 1);
  }

  #accepts({ contents, sets: present }: Part<Known>, sha256: string, sets: readonly number[]): boolean {
    if (sets.some((set) => present.has(set))) return false;
    if (contents.has(sha256)) return false; // only separate copies get here with a content that the part has
    const partners = this.#pairs.get(sha256);
    if (!partners) return true;
    return partners.size < contents.size
      ? !partners.values().some((partner) => contents.has(partner))
      : !contents.values().some((content) => partners.has(content));
  }
}
