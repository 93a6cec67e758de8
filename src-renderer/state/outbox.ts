/**
 * A write-ahead queue of edits: each is stored, sent in order, then removed. While the engine is not running, edits wait, also across a reload. An entry
 * identifies its images by path and content hash, since sample numbers of another workspace mean other images. Edits that can no longer be applied are
 * set aside and shown. This file depends on neither the page nor the database, so that the order can be tested.
 */
import type { Change } from '../../src-main/contract/schemas.ts';

/** Images by path and content, in two lists: a hundred thousand of them are stored with one edit. */
export interface Images {
  paths: readonly string[];
  hashes: readonly string[];
}
export type QueuedStep =
  | { kind: 'edit'; images: Images; change: Change }
  /** `before`: the state of the history before the first try; it shows whether a try without a response was applied. */
  | { kind: 'undo' | 'redo'; before: string | null };
export interface Waiting {
  seq: number;
  workspace: string;
  key: string;
  said: QueuedStep;
}
/** An edit that could not be applied: `images` is the number of its images, `paths` some or all of them. */
export interface Aside {
  seq: number;
  workspace: string;
  change: Change;
  paths: readonly string[];
  images: number;
  why: string;
}

export interface Store {
  add(entry: Omit<Waiting, 'seq'>): Promise<number>;
  put(entry: Waiting): Promise<unknown>;
  /** The oldest first. */
  list(workspace: string): Promise<readonly Waiting[]>;
  count(workspace: string): Promise<number>;
  remove(seq: number): Promise<unknown>;
  setAside(aside: Omit<Aside, 'seq'>): Promise<unknown>;
  /** Two pages with the same folder send one after the other. */
  exclusively<Result>(workspace: string, work: () => Promise<Result>): Promise<Result>;
}

/** `later`: the engine did not respond. `again`: the engine cannot write now, but may later. `never`: the engine refuses this entry. */
export type Verdict = 'later' | 'again' | 'never';
export type Outcome = { state: 'done' | 'waits' } | { state: 'refused'; error: unknown };
/** Images that are missing or have changed. */
export type Missed = { images: Images; why: string } | null;

export interface Post {
  workspace: string;
  /** The key of the workspace; a recreated workspace has another key. */
  key(): string;
  /** `note` stores the entry again before it is sent. */
  send(said: QueuedStep, note: (said: QueuedStep) => Promise<unknown>): Promise<Missed>;
  retryOf(error: unknown): Verdict;
  messageOf(error: unknown): string;
  /** There was no response: the folder must be opened again, then `resume` called. */
  onLost(): void;
  /** Reports the number of waiting entries. */
  onCount(waiting: number): void;
  onAside(): void;
}

export class Outbox {
  #store: Store;
  #post: Post;
  #tail: Promise<unknown> = Promise.resolve();
  #isPaused = true;
  /** Entries whose `enqueue` has not returned yet: a refusal is reported there. */
  #live = new Map<number, unknown>();

  constructor(store: Store, post: Post) {
    this.#store = store;
    this.#post = post;
  }

  /** Stores the entry and sends it in order. */
  enqueue(said: QueuedStep): Promise<Outcome> {
    const { workspace } = this.#post;
    const added = this.#store.add({ workspace, key: this.#post.key(), said }).catch(() => null);
    return this.inTurn(async (): Promise<Outcome> => {
      const seq = await added;
      if (seq === null) return this.#sendUnwritten(said);
      this.#live.set(seq, null);
      try {
        const isSent = await this.#flush(seq);
        const error = this.#live.get(seq);
        return error ? { state: 'refused', error } : { state: isSent ? 'done' : 'waits' };
      } catch (error) {
        return { state: 'refused', error }; // an error of the page's database
      } finally {
        this.#live.delete(seq);
      }
    });
  }

  /** Runs other work in order: after all earlier entries and before all later ones. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Nothing is sent until `resume`. */
  pause() {
    this.#isPaused = true;
  }

  /** The folder is open: sends the waiting entries. */
  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.inTurn(() => this.#flush());
  }

  /** A page without a database sends directly; an edit without a response is reported as not saved. */
  async #sendUnwritten(said: QueuedStep): Promise<Outcome> {
    try {
      await this.#post.send(said, async () => {});
      return { state: 'done' };
    } catch (error) {
      if (this.#post.retryOf(error) === 'later') this.#lose();
      return { state: 'refused', error };
    }
  }

  #lose() {
    this.pause();
    this.#post.onLost();
  }

  /** Sends the waiting entries in order up to this one; later ones have their own call. Returns whether all were sent. */
  async #flush(upTo = Infinity): Promise<boolean> {
    const { workspace } = this.#post;
    const isSent = await this.#store.exclusively(workspace, async () => {
      for (const entry of await this.#store.list(workspace)) {
        if (entry.seq > upTo) break;
        if (this.#isPaused || !(await this.#sendOne(entry))) return false;
        await this.#store.remove(entry.seq);
      }
      return !this.#isPaused;
    });
    this.#post.onCount(isSent ? 0 : await this.#store.count(workspace));
    return isSent;
  }

  /** Returns whether the entry is done; otherwise it and all later ones keep waiting. */
  async #sendOne(entry: Waiting): Promise<boolean> {
    const { seq, said } = entry;
    if (entry.key !== this.#post.key()) {
      await this.#setAside(said, 'The workspace of this folder was created again since then.');
      return true;
    }
    try {
      const missed = await this.#post.send(said, (changed) => this.#store.put({ ...entry, said: changed }));
      if (missed) await this.#setAside(said, missed.why, missed.images);
      return true;
    } catch (error) {
      const verdict = this.#post.retryOf(error);
      if (verdict === 'later') {
        this.#lose();
        return false;
      }
      if (this.#live.has(seq)) this.#live.set(seq, error);
      else if (verdict === 'again') return false;
      else await this.#setAside(said, this.#post.messageOf(error));
      return true;
    }
  }

  async #setAside(said: QueuedStep, why: string, images = said.kind === 'edit' ? said.images : null) {
    if (said.kind !== 'edit' || !images) return; // an undo of another workspace is meaningless
    await this.#store.setAside({
      workspace: this.#post.workspace,
      change: said.change,
      paths: images.paths,
      images: images.paths.length,
      why,
    });
    this.#post.onAside();
  }
}

/** Finds the sample of each image: the same content at the same path, otherwise the only sample with that content. The other images are missed. */
export function locate(
  images: Images,
  known: {
    atPath(path: string): { id: number; sha256: string } | undefined;
    ofContent(sha256: string): readonly number[];
  },
): { ids: number[]; missed: Images } {
  const ids: number[] = [];
  const missed: { paths: string[]; hashes: string[] } = { paths: [], hashes: [] };
  images.paths.forEach((path, i) => {
    const sha256 = images.hashes[i];
    const same = known.atPath(path);
    const others = same?.sha256 === sha256 ? [same.id] : known.ofContent(sha256);
    if (others.length === 1) return ids.push(others[0]);
    missed.paths.push(path);
    return missed.hashes.push(sha256);
  });
  return { ids, missed };
}

/** Describes an edit: `reject, tag torn`. */
export function wordsOf({ decision, addTags, removeTags, label, note }: Change): string {
  return [
    ...(decision === undefined ? [] : [decision ?? 'back to undecided']),
    ...(addTags ?? []).map((tag) => `tag ${tag}`),
    ...(removeTags ?? []).map((tag) => `remove tag ${tag}`),
    ...(label === undefined ? [] : [label === null ? 'reset label to the folder’s class' : `label ${label}`]),
    ...(note === undefined ? [] : [note === null ? 'remove the note' : `note ‘${note}’`]),
  ].join(', ');
}
