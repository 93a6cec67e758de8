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
export type Said =
  | { kind: 'edit'; images: Images; change: Change }
  /** `before`: the state of the history before the first try; it tells whether a try without an answer was carried out. */
  | { kind: 'undo' | 'redo'; before: string | null };
export interface Waiting {
  seq: number;
  workspace: string;
  key: string;
  said: Said;
}
/** What could not be applied: `images` is how many it was about, `paths` some or all of them. */
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

/** `later`: nobody was there to answer. `again`: the engine cannot write now, but may later. `never`: this entry will not be accepted. */
export type Verdict = 'later' | 'again' | 'never';
export type Outcome = { state: 'done' | 'waits' } | { state: 'refused'; error: unknown };
/** Images that are not there any more, or not as they were. */
export type Missed = { images: Images; why: string } | null;

export interface Post {
  workspace: string;
  /** The key of the workspace: it differs after the workspace was created again. */
  key(): string;
  /** `note` stores the entry again before it is sent. */
  send(said: Said, note: (said: Said) => Promise<unknown>): Promise<Missed>;
  retryOf(error: unknown): Verdict;
  messageOf(error: unknown): string;
  /** There was no answer: the folder has to be opened again, then `resume`. */
  onLost(): void;
  /** So many entries wait. */
  onCount(waiting: number): void;
  onAside(): void;
}

export class Outbox {
  #store: Store;
  #post: Post;
  #tail: Promise<unknown> = Promise.resolve();
  #isPaused = true;
  /** Entries whose `say` has not returned yet: a refusal is reported there. */
  #live = new Map<number, unknown>();

  constructor(store: Store, post: Post) {
    this.#store = store;
    this.#post = post;
  }

  /** Writes it down and sends it in its turn. */
  say(said: Said): Promise<Outcome> {
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
        return { state: 'refused', error }; // of the page's own database
      } finally {
        this.#live.delete(seq);
      }
    });
  }

  /** Any other work, after all that was said before and before all that is said later. */
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

  /** The folder is open: sends what waits. */
  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.inTurn(() => this.#flush());
  }

  /** A page without a database still sends; an edit without an answer is reported as not saved. */
  async #sendUnwritten(said: Said): Promise<Outcome> {
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

  /** Sends in order what waits, up to this entry: what comes later has its own turn. Returns whether all of it was sent. */
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

  /** Returns whether the entry is dealt with; otherwise it stays, and so does what is behind it. */
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

  async #setAside(said: Said, why: string, images = said.kind === 'edit' ? said.images : null) {
    if (said.kind !== 'edit' || !images) return; // an undo of another workspace means nothing
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

/** The sample of each image: the same content at the same path, else the one sample of that content. The others are missed. */
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

/** What was said, in words: `reject, tag torn`. */
export function wordsOf({ decision, addTags, removeTags, label, note }: Change): string {
  return [
    ...(decision === undefined ? [] : [decision ?? 'back to undecided']),
    ...(addTags ?? []).map((tag) => `tag ${tag}`),
    ...(removeTags ?? []).map((tag) => `remove tag ${tag}`),
    ...(label === undefined ? [] : [label === null ? 'reset label to the folder’s class' : `label ${label}`]),
    ...(note === undefined ? [] : [note === null ? 'remove the note' : `note ‘${note}’`]),
  ].join(', ');
}
