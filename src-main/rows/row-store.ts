/**
 * The row store of a workspace. A set is a kind of rows with its settings (pixels, embeddings, feature maps); it has one file with one row per image, by the SHA-256
 * of the image's file. An image with a row is not read again; a changed image gets a new row. Rows are flushed before the index refers to them, so a killed process
 * leaves complete rows or none. Sets are caches: the least recently used are removed to stay within the limits, but never one in use.
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

/** The content of a set, and how its rows are made. */
export interface RowRecipe {
  kind: string;
  /** Identifies a set of its kind: other settings, other rows. */
  settings: string;
  type: RowType;
  shape: readonly number[];
  /** Never removed to make room: other data depends on its rows. */
  isKept?: boolean;
  /** Reads the image. An error is an issue of its file, unless it is Winnow's own fault. */
  decode(sample: Sample): Promise<Uint8Array>;
  /** Computes the rows of up to `size` decoded images. Without it, the decoded image is the row. */
  batch?: { size: number; compute(decoded: Uint8Array, signal: AbortSignal): Promise<Uint8Array> };
}

/** Rows in use. They stay on the disk until this is disposed. */
export interface Rows extends Disposable {
  set: RowSet;
  /** Samples with a row, in the requested order. */
  samples: Sample[];
  /** Issues of files that vanished or broke since the scan. */
  issues: Issue[];
}

export interface MakeOptions {
  signal?: AbortSignal;
  /** Called once, where rows are missing. */
  onStart?(missing: number): void;
  onProgress?(done: number, missing: number): void;
}

/** Maximum bytes of all sets of a workspace, and bytes to leave free on its disk. */
const limits = { mostBytes: 64 * 2 ** 30, leftBytes: 64 * 2 ** 20 };
export type StoreLimits = typeof limits;

/** At most this much work is lost when the process is killed. */
const commitEveryMs = 1000;
/** Batches that are being computed while more images are decoded. */
const batchesAhead = 2;
const checkedBlockBytes = 2 ** 23;
const folder = 'rows';
/** Sets of earlier versions stay where they are. */
const folders = [folder, 'pixels', 'embeddings'];
const extensions: Record<RowType, string> = { uint8: 'u8', float16: 'f16', float32: 'f32' };

export class RowStore {
  readonly #workspaceFolder: string;
  readonly #index: RowIndex;
  readonly #limits: StoreLimits;
  /** By set: the number of its users. */
  #inUse = new Map<number, number>();
  /** By set: the last writer in the queue. */
  #turns = new Map<number, Promise<unknown>>();
  /** Sets with all checksums known. */
  #complete = new Set<number>();

  constructor(db: IndexDatabase, workspaceFolder: string, least: Partial<StoreLimits> = {}) {
    this.#workspaceFolder = workspaceFolder;
    this.#index = new RowIndex(db, workspaceFolder);
    this.#limits = { ...limits, ...least };
    this.#removeStrays();
  }

  /** Returns the samples' rows and makes missing ones. Throws WinnowError. */
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
    return this.#give(recipe, samples, issues);
  }

  /** The samples that have a row already. */
  async known(recipe: RowRecipe, samples: readonly Sample[], signal = new AbortController().signal): Promise<Rows> {
    using held = this.#hold(recipe);
    await this.#inTurn(held.set, () => this.#check(held.set, rowBytesOf(recipe), signal));
    return this.#give(recipe, samples, []);
  }

  /** The number of contents with a row. */
  count({ kind, settings }: RowRecipe): number {
    return this.#index.count(kind, settings);
  }

  #hold({ kind, settings, type, isKept = false }: RowRecipe): Disposable & { set: IndexedSet } {
    // No file name is used twice: an index restored from a backup never refers to another file's rows.
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

  #give(recipe: RowRecipe, samples: readonly Sample[], issues: Issue[]): Rows {
    const { set, [Symbol.dispose]: dispose } = this.#hold(recipe);
    const { type, shape } = recipe;
    const there = wholeRows(set, rowBytesOf(recipe));
    const found = samples.map(({ sha256 }) => this.#index.row(set, sha256, there));
    const rows = found.filter((row) => row !== undefined);
    return {
      set: {
        file: set.file,
        type,
        shape,
        rows: Int32Array.from(rows, ({ row }) => row),
        checksums: rows.some(({ checksum }) => checksum === null)
          ? undefined
          : Uint32Array.from(rows, ({ checksum }) => checksum as number),
      },
      samples: samples.filter((_, i) => found[i] !== undefined),
      issues,
      [Symbol.dispose]: dispose,
    };
  }

  /** One sample per content. */
  #missing(set: IndexedSet, rowBytes: number, samples: readonly Sample[]): Sample[] {
    const there = wholeRows(set, rowBytes);
    return [
      ...new Map(
        samples
          .filter(({ sha256 }) => this.#index.row(set, sha256, there) === undefined)
          .map((sample) => [sample.sha256, sample]),
      ).values(),
    ];
  }

  /** Writers of a set take turns: two at once would use the same positions in the file. */
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
   * Adds checksums to rows of an earlier version. Where a reader found a damaged row, compares all rows and forgets the damaged ones: they are made again.
   */
  async #check(set: IndexedSet, rowBytes: number, signal: AbortSignal): Promise<void> {
    const isDamaged = existsSync(damageMark(set.file));
    if (!isDamaged && (this.#complete.has(set.id) || !this.#index.hasUnchecked(set))) {
      this.#complete.add(set.id);
      return;
    }
    const there = wholeRows(set, rowBytes);
    this.#index.forgetFrom(set, there);
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
            is: crc32(bytes.subarray(i * rowBytes, (i + 1) * rowBytes)),
          }));
          const unknown = found.filter(({ checksum }) => checksum === null);
          this.#index.put(
            set,
            unknown.map(({ sha256, row, is }) => ({ sha256, row, checksum: is })),
          );
          this.#index.forget(
            set,
            found.filter(({ checksum, is }) => checksum !== null && checksum !== is),
          );
          await setImmediate();
        }
      } finally {
        reader.close();
      }
    }
    rmSync(damageMark(set.file), { force: true });
    this.#complete.add(set.id);
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
      const computed = batch.compute(joined(sent), signal).then((bytes) => put(samples, bytes));
      computed.catch(() => undefined); // thrown where it is awaited
      inFlight.push(computed);
    };
    try {
      this.#index.forgetFrom(set, file.whole);
      await forEachParallel(wanted, availableParallelism() + 1, signal, async (sample) => {
        const decoded = await decode(sample).catch((error: unknown) => {
          signal.throwIfAborted();
          issues.push(issueOf(sample.path, error).issue);
          onProgress(++done);
          return null;
        });
        if (!decoded) return;
        if (!batch) return put([sample], decoded);
        block.push({ sample, decoded }); // into the block of now: another may have been sent while this image was decoded
        if (block.length >= batch.size) send();
        while (inFlight.length > batchesAhead) await inFlight.shift();
      });
      send();
      await Promise.all(inFlight.splice(0));
      commit();
    } catch (error) {
      await Promise.allSettled(inFlight);
      try {
        commit(); // what was made before a cancel stays
      } catch {
        // The first error is the one to report.
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
        `The disk that holds the workspace is full: ${inDigits(needed)} MiB are needed for prepared images. What was confirmed is kept. Free some space and try again.`,
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

  /** Removes files that no set refers to, after a killed process or a restored backup of the index. */
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
const wholeRows = ({ file }: IndexedSet, rowBytes: number): number => Math.floor(fileBytes(file) / rowBytes);

function joined(images: readonly { decoded: Uint8Array }[]): Uint8Array {
  const bytes = new Uint8Array(images.reduce((sum, { decoded }) => sum + decoded.length, 0));
  let at = 0;
  for (const { decoded } of images) {
    bytes.set(decoded, at);
    at += decoded.length;
  }
  return bytes;
}
