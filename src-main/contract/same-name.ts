/**
 * One name can be written in several ways in Unicode: ‘ü’ as one sign (NFC, as keyboards type it) or as ‘u’ and an accent (NFD, as macOS writes file names). Names are
 * kept as they are on disk and compared in NFC. Two files whose names differ only in this way stay two: the exact name wins.
 */

const isAscii = /^[\x00-\x7f]*$/;

/** The text in NFC. */
export const nfc = (text: string): string => (isAscii.test(text) ? text : text.normalize('NFC'));

/** Finds things by their path, however it is written. */
export class PathIndex<T extends { path: string }> {
  #exact: ReadonlyMap<string, T>;
  /** Only of paths that are not plain ASCII. */
  #written = new Map<string, T[]>();

  constructor(all: Iterable<T>) {
    const list = [...all];
    this.#exact = new Map(list.map((one) => [one.path, one]));
    for (const one of list) {
      if (isAscii.test(one.path)) continue;
      const key = nfc(one.path);
      this.#written.set(key, [...(this.#written.get(key) ?? []), one]);
    }
  }

  /** The one with exactly this path, else all whose paths are the same text. */
  all(path: string): readonly T[] {
    const exact = this.#exact.get(path);
    return exact ? [exact] : (this.#written.get(nfc(path)) ?? []);
  }

  /** Undefined if there is none, or if several differ only in how they are written. */
  get(path: string): T | undefined {
    const found = this.all(path);
    return found.length === 1 ? found[0] : undefined;
  }
}
