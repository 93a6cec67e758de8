/**
 * The row store of a workspace: a cache of decoded pixels, embeddings and feature maps. Each kind of rows with its settings (such as the image size) is a set: one
 * file with one row per image. The index finds a row by the SHA-256 of the image's file, so an unchanged image is not read again and a changed image gets a
 * new row. Rows are flushed to the disk before they enter the index: a killed process leaves complete rows or none. When the limits are reached, the least recently
 * used sets are removed, but never one in use.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { WinnowError } from '../contract/errors.ts';
import type { Issue, Sample } from '../contract/types.ts';
import { whole as inDigits } from '../contract/words.ts';
import { forEachParallel } from '../file/parallel.ts';
import { issueOf } from '../image/issue.ts';
import { RowFile } from './row-file.ts';
import { fileBytes, RowIndex, type IndexDatabase, type IndexedRow, type IndexedSet } from './row-index.ts';
import { damageMark, RowReader } from './row-reader.ts';
import { rowBytesOf, type RowSet, type RowType } from './row-set.ts';

/** The description of a set, and how its rows are made. */
export interface RowRecipe {
  /** Such as 'pixels'. */
  kind: string;
  /** Identifies a set among those of its kind, such as the image size. */
  settings: string;
  type: RowType;
  /** Of one row, as in `RowSet`. */
  shape: readonly number[];
  layout?: RowSet['layout'];
  /** True if the set is never removed to free space, since other data depends on it. */
  isKept?: boolean;
  /** Reads the image. An error becomes an issue of its file, unless Winnow or the machine caused it (`file/fault.ts`). */
  decode(sample: Sample): Promise<Uint8Array>;
  /** Computes the rows of up to `size` decoded images. If missing, the decoded image is the row. */
  batch?: { size: number; compute(decoded: Uint8Array, signal: AbortSignal): Promise<Uint8Array> };
}

/** Rows in use. The set is not removed from the disk before this is disposed. */
export interface Rows extends Disposable {
  set: RowSet;
  /** Samples with a row, in the requested order. */
  samples: Sample[];
  /** Issues of files that disappeared or became unreadable since the scan. */
  issues: Issue[];
}

export interface MakeOptions {
  signal?: AbortSignal;
  /** Called once, before the first missing row is made. */
  onStart?(missing: number): void;
  onProgress?(done: number, missing: number): void;
}

/** `mostBytes`: maximum size of all sets of a workspace. `leftBytes`: bytes to leave free on its disk. */
const limits = { mostBytes: 64 * 2 ** 30, leftBytes: 64 * 2 ** 20 };
export type StoreLimits = typeof limits;

/** A killed process loses the rows of this time at most. */
const commitEveryMs = 1000;
/** Maximum number of batches that are computed while more images are decoded. */
const batchesAhead = 2;
const checkedBlockBytes = 2 ** 23;
const folder = 'rows';
/** The last two are the folders of earlier versions. Their sets stay there. */
const folders = [folder, 'pixels', 'embeddings'];
const extensions: Record<RowType, string> = { uint8: 'u8', float16: 'f16', float32: 'f32' };

export class RowStore {
  readonly #workspaceFolder: string;
  readonly #index: RowIndex;
  readonly #limits: StoreLimits;
  /** Number of users by set id. */
  #inUse = new Map<number, number>();
  /** The last writer in the queue by set id. */
  #turns = new Map<number, Promise<unknown>>();
  /** Ids of sets whose rows all have a checksum. */
  #checked = new Set<number>();

  constructor(db: IndexDatabase, workspaceFolder: string, changedLimits: Partial<StoreLimits> = {}) {
    this.#workspaceFolder = workspaceFolder;
    this.#index = new RowIndex(db, workspaceFolder);
    this.#limits = { ...limits, ...changedLimits };
    this.#removeStrays();
  }

  /** Returns the samples' rows and makes the missing ones. Throws WinnowError. */
  async make(
    recipe: RowRecipe,
    samples: readonly Sample[],
    { signal = new AbortController().signal, onStart, onProgress }: MakeOptions = {},
  ): Promise<Rows> {
    using held = this.#hold(recipe);
    const { set } = held;
    const rowBytes = rowBytesOf(recipe);
    let issues: Issue[] = [];
    await this.#inTurn(set, () => this.#check(set, rowBytes, signal));
    if (this.#missing(set, rowBytes, samples).length)
      await this.#inTurn(set, async () => {
        const missing = this.#missing(set, rowBytes, samples);
        if (!missing.length) return;
        onStart?.(missing.length);
        issues = await this.#add(set, recipe, missing, signal, (done) => onProgress?.(done, missing.length));
      });
    return this.#rows(recipe, samples, issues);
  }

  /** Returns the rows that exist already; their samples are in `samples` of the result. */
  async known(recipe: RowRecipe, samples: readonly Sample[], signal = new AbortController().signal): Promise<Rows> {
    using held = this.#hold(recipe);
    await this.#inTurn(held.set, () => this.#check(held.set, rowBytesOf(recipe), signal));
    return this.#rows(recipe, samples, []);
  }

  /** The number of rows of the set. */
  count({ kind, settings }: RowRecipe): number {
    return this.#index.count(kind, settings);
  }

  #hold({ kind, settings, type, isKept = false }: RowRecipe): Disposable & { set: IndexedSet } {
    // A random name for each new file: an index that is restored from a backup must not find the rows of a later set in it.
    const name = `${kind}-${settings}-${randomBytes(4).toString('hex')}.${extensions[type]}`;
    const set =
      this.#index.find(kind, settings) ??
      this.#index.add(kind, settings, `${folder}/${name.replace(/[^\w.@-]/g, '_')}`, isKept);
    this.#index.use(set);
    this.#inUse.set(set.id, (this.#inUse.get(set.id) ?? 0) + 1);
    let isHeld = true;
    return {
      set,
      [Symbol.dispose]: () => {
        if (isHeld) this.#inUse.set(set.id, (this.#inUse.get(set.id) as number) - 1);
        isHeld = false;
      },
    };
  }

  /** Forgets all rows of these images: their pixels are read differently now. */
  forget(sha256s: readonly string[]): void {
    this.#index.forgetImages(sha256s);
  }

  #rows(recipe: RowRecipe, samples: readonly Sample[], issues: Issue[]): Rows {
    const { set, [Symbol.dispose]: dispose } = this.#hold(recipe);
    const { type, shape, layout } = recipe;
    const count = completeRows(set, rowBytesOf(recipe));
    const found = samples.map(({ sha256 }) => this.#index.row(set, sha256, count));
    const rows = found.filter((row) => row !== undefined);
    const present = samples.filter((_, i) => found[i] !== undefined);
    return {
      set: {
        file: set.file,
        type,
        shape,
        ...(layout && { layout }),
        rows: Int32Array.from(rows, ({ row }) => row),
        checksums: rows.some(({ checksum }) => checksum === null)
          ? undefined
          : Uint32Array.from(rows, ({ checksum }) => checksum as number),
        sha256: present.map(({ sha256 }) => sha256),
      },
      samples: present,
      issues,
      [Symbol.dispose]: dispose,
    };
  }

  /** The samples without a row; only one of those with equal files. */
  #missing(set: IndexedSet, rowBytes: number, samples: readonly Sample[]): Sample[] {
    const count = completeRows(set, rowBytes);
    return [
      ...new Map(
        samples
          .filter(({ sha256 }) => this.#index.row(set, sha256, count) === undefined)
          .map((sample) => [sample.sha256, sample]),
      ).values(),
    ];
  }

  /** Writers of a set run one after the other: two at once would write to the same place in the file. */
  async #inTurn<Result>({ id }: IndexedSet, work: () => Promise<Result>): Promise<Result> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
    }
  }

  /**
   * Adds checksums to the rows of an earlier version. If a reader has found a damaged row, verifies all rows and removes the damaged ones from the index: they
   * are made again.
   */
  async #check(set: IndexedSet, rowBytes: number, signal: AbortSignal): Promise<void> {
    const isDamaged = existsSync(damageMark(set.file));
    if (!isDamaged && (this.#checked.has(set.id) || !this.#index.hasUnchecked(set))) {
      this.#checked.add(set.id);
      return;
    }
    this.#index.forgetFrom(set, completeRows(set, rowBytes));
    const rows = this.#index.rows(set).filter(({ checksum }) => isDamaged || checksum === null);
    if (rows.length) {
      const { file } = set;
      const reader = new RowReader({
        file,
        type: 'uint8',
        shape: [rowBytes],
        rows: Int32Array.from(rows, ({ row }) => row),
      });
      try {
        for (const positions of reader.blocks(Math.max(1, Math.floor(checkedBlockBytes / rowBytes)))) {
          signal.throwIfAborted();
          const bytes = reader.read(positions);
          const found = Array.from(positions, (position, i) => ({
            ...rows[position],
            actual: crc32(bytes.subarray(i * rowBytes, (i + 1) * rowBytes)),
          }));
          const unknown = found.filter(({ checksum }) => checksum === null);
          this.#index.put(
            set,
            unknown.map(({ sha256, row, actual }) => ({ sha256, row, checksum: actual })),
          );
          this.#index.forget(
            set,
            found.filter(({ checksum, actual }) => checksum !== null && checksum !== actual),
          );
          await setImmediate();
        }
      } finally {
        reader.close();
      }
    }
    rmSync(damageMark(set.file), { force: true });
    this.#checked.add(set.id);
  }

  async #add(
    set: IndexedSet,
    { type, shape, decode, batch }: RowRecipe,
    wanted: readonly Sample[],
    signal: AbortSignal,
    onProgress: (done: number) => void,
  ): Promise<Issue[]> {
    const rowBytes = rowBytesOf({ type, shape });
    this.#makeRoom(wanted.length * rowBytes);
    const issues: Issue[] = [];
    const file = RowFile.open(set.file, rowBytes);
    const fresh: IndexedRow[] = [];
    let done = 0;
    let committedAt = performance.now();
    const commit = (): void => {
      if (!fresh.length) return;
      file.sync();
      this.#index.put(set, fresh.splice(0));
      committedAt = performance.now();
    };
    const put = (samples: readonly Sample[], bytes: Uint8Array): void => {
      if (bytes.length !== samples.length * rowBytes)
        throw new Error(`${bytes.length / rowBytes} rows were made of ${samples.length} images.`);
      const first = file.add(bytes);
      samples.forEach(({ sha256 }, i) =>
        fresh.push({ sha256, row: first + i, checksum: crc32(bytes.subarray(i * rowBytes, (i + 1) * rowBytes)) }),
      );
      if (performance.now() - committedAt > commitEveryMs) commit();
      onProgress((done += samples.length));
    };
    const inFlight: Promise<void>[] = [];
    let block: { sample: Sample; decoded: Uint8Array }[] = [];
    const send = (): void => {
      const sent = block;
      block = [];
      if (!sent.length || !batch) return;
      const samples = sent.map(({ sample }) => sample);
      const computed = batch.compute(concatenate(sent), signal).then((bytes) => put(samples, bytes));
      computed.catch(() => undefined); // its error is thrown where it is awaited
      inFlight.push(computed);
    };
    try {
      this.#index.forgetFrom(set, file.completeRows);
      await forEachParallel(wanted, availableParallelism() + 1, signal, async (sample) => {
        const decoded = await decode(sample).catch((error: unknown) => {
          signal.throwIfAborted();
          issues.push(issueOf(sample.path, error).issue);
          onProgress(++done);
          return null;
        });
        if (!decoded) return;
        if (!batch) return put([sample], decoded);
        block.push({ sample, decoded }); // into the current block: an earlier one may have been sent while this image was decoded
        if (block.length >= batch.size) send();
        while (inFlight.length > batchesAhead) await inFlight.shift();
      });
      send();
      await Promise.all(inFlight.splice(0));
      commit();
    } catch (error) {
      await Promise.allSettled(inFlight);
      try {
        commit(); // rows that were made before a cancel stay
      } catch {
        // Only the first error is thrown.
      }
      throw error;
    } finally {
      file.close();
    }
    return issues;
  }

  /** Removes unused sets, the least recently used first, until this many bytes are free. Throws WinnowError `disk-full`. */
  #makeRoom(bytes: number): void {
    const sets = this.#index.sets();
    const unused = sets.filter(({ id, isKept }) => !isKept && !this.#inUse.get(id));
    let taken = sets.reduce((sum, { file }) => sum + fileBytes(file), bytes);
    const isTight = (): boolean => this.#freeBytes() < bytes + this.#limits.leftBytes;
    for (const set of unused) {
      if (taken <= this.#limits.mostBytes && !isTight()) return;
      taken -= fileBytes(set.file);
      this.#index.remove(set);
    }
    if (isTight()) {
      const needed = Math.ceil((bytes + this.#limits.leftBytes) / 2 ** 20);
      throw new WinnowError(
        'disk-full',
        `The disk that holds the workspace is full: ${inDigits(needed)} MiB are needed for prepared images. Confirmed changes are kept. Free some space and try again.`,
      );
    }
  }

  #freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#workspaceFolder);
      return bavail * bsize;
    } catch {
      return Infinity; // not supported by this file system
    }
  }

  /** Removes files that belong to no set, as a killed process or a restored backup of the index can leave them. */
  #removeStrays(): void {
    const named = new Set(this.#index.sets().map(({ file }) => file));
    for (const name of folders) {
      const inside = join(this.#workspaceFolder, name);
      for (const entry of existsSync(inside) ? readdirSync(inside) : []) {
        const file = join(inside, entry);
        const ofSet = basename(entry, '.damaged');
        if (/\.(u8|f16|f32)$/.test(ofSet) && !named.has(join(inside, ofSet))) rmSync(file, { force: true });
      }
    }
  }
}

/** The number of complete rows in the file. */
const completeRows = ({ file }: IndexedSet, rowBytes: number): number => Math.floor(fileBytes(file) / rowBytes);

function concatenate(images: readonly { decoded: Uint8Array }[]): Uint8Array {
  const bytes = new Uint8Array(images.reduce((sum, { decoded }) => sum + decoded.length, 0));
  let at = 0;
  for (const { decoded } of images) {
    bytes.set(decoded, at);
    at += decoded.length;
  }
  return bytes;
}
