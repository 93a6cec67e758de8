/**
 * The user's steps in an open folder: decisions, labels, undo, redo and other journal entries. All go through the outbox in order. Edits are shown at
 * once. While the engine is not running, edits, undo and redo wait. Steps that can no longer be applied are set aside and listed.
 */
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Edited, Sample, Workspace } from '../../src-main/contract/types.ts';
import { codeOf, retryOf, messageOf } from '../lib/engine.ts';
import { plural } from '../lib/format.ts';
import { withChange } from '../lib/with-change.ts';
import { notices } from './notices.svelte.ts';
import { locate, Outbox, type Aside, type Missed, type QueuedStep } from './outbox.ts';
import { asideOf, discardAside, outboxStore } from './outbox-store.ts';
import type { Session } from './session.svelte.ts';

/** The number of history entries that show whether an undo was applied. */
const checkedEntries = 100;

/** The parts of a session that only the steps use. */
interface Inside {
  put(list: readonly Sample[]): void;
  /** Resolves when `samples` has been loaded from the engine. */
  untilLoaded(): Promise<void>;
  /** The next refresh requests everything. */
  reloadAll(): void;
  reopen(): void;
}

/** The workspace's own random key. Older engines report none. */
export const workspaceKeyOf = (workspace: Workspace | null): string => workspace?.key ?? '';

export class Steps {
  #session: Session;
  #inside: Inside;
  #outbox: Outbox;
  #atPath: { ids: Int32Array; byPath: ReadonlyMap<string, number> } | null = null;
  /** Number of steps without a response yet. */
  saying = $state(0);
  /** Number of steps that wait for the engine. */
  unsaved = $state(0);
  /** Steps made while the engine was not running that can no longer be applied. */
  aside = $state.raw<readonly Aside[]>([]);

  constructor(session: Session, inside: Inside) {
    this.#session = session;
    this.#inside = inside;
    this.#outbox = new Outbox(outboxStore, {
      workspace: session.id,
      key: () => workspaceKeyOf(session.workspace),
      send: (said, note) => (said.kind === 'edit' ? this.#sendEdit(said) : this.#sendStep(said, note)),
      retryOf,
      messageOf,
      onLost: () => inside.reopen(),
      onCount: (waiting) => (this.unsaved = waiting),
      onAside: () => void this.#takeAside(),
    });
  }

  /** The folder is open: sends the waiting steps. A page without a database has none. */
  async resume(): Promise<void> {
    const sent = this.#outbox.resume().catch(() => {});
    this.aside = await asideOf(this.#session.id);
    await sent;
  }

  pause() {
    this.#outbox.pause();
  }

  /** Edits samples: shown at once, reverted if the engine refuses. */
  edit = (ids: readonly number[], change: Change): Promise<void> =>
    this.#track(async () => {
      const before = ids.flatMap((id) => this.#session.sample(id) ?? []);
      if (!before.length) return;
      this.#inside.put(before.map((sample) => withChange(sample, change)));
      const outcome = await this.#outbox.enqueue({
        kind: 'edit',
        change,
        images: { paths: before.map(({ path }) => path), hashes: before.map(({ sha256 }) => sha256) },
      });
      if (outcome.state !== 'refused') return;
      this.#inside.put(before);
      notices.add('error', `Not saved. ${messageOf(outcome.error)}`, { stays: true });
    });

  /** Runs one at a time, however fast keys are pressed, and after all earlier steps. */
  step = (which: 'undo' | 'redo'): Promise<void> =>
    this.#track(async () => {
      const outcome = await this.#outbox.enqueue({ kind: which, before: null });
      if (outcome.state === 'waits')
        notices.add('info', `${which === 'undo' ? 'Undo' : 'Redo'} waits until the engine is back.`);
      if (outcome.state === 'refused') notices.fail(outcome.error);
    });

  /** Any other step of the journal: thresholds, views, duplicates, labels. It cannot wait for the engine. Returns whether it was done. */
  do = (work: () => Promise<Edited>): Promise<boolean> =>
    this.#track(() =>
      this.#outbox.inTurn(async () => {
        try {
          if (this.#outbox.isPaused) throw new Error('The engine is restarting. Try again when it is back.');
          this.#session.journal = (await work()).journal;
          await this.#session.refresh();
          return true;
        } catch (error) {
          if (!this.#outbox.isPaused && retryOf(error) === 'later') this.#inside.reopen();
          notices.add('error', `Not saved. ${messageOf(error)}`, { stays: true });
          return false;
        }
      }),
    );

  async discardAside(): Promise<void> {
    await discardAside(this.#session.id);
    this.aside = [];
  }

  /** Until the response it is unknown what can be undone. */
  async #track<Result>(work: () => Promise<Result>): Promise<Result> {
    this.saying++;
    try {
      return await work();
    } finally {
      this.saying--;
    }
  }

  async #sendEdit({ images, change }: QueuedStep & { kind: 'edit' }): Promise<Missed> {
    await this.#inside.untilLoaded();
    const { samples, ids: now, calls } = this.#session;
    if (this.#atPath?.ids !== now)
      this.#atPath = { ids: now, byPath: new Map(samples.map(({ id, path }) => [path, id])) };
    const { byPath } = this.#atPath;
    const { ids, missed } = locate(images, {
      atPath: (path) => this.#session.sample(byPath.get(path) ?? -1),
      ofContent: (sha256) => samples.flatMap((sample) => (sample.sha256 === sha256 ? [sample.id] : [])),
    });
    if (ids.length) this.#session.journal = (await calls.journal.edit.mutate({ choice: { ids }, change })).journal;
    return missed.paths.length
      ? { images: missed, why: 'The image is gone, or its content has changed since then.' }
      : null;
  }

  /** An undo is applied once, even if its response was lost: the history shows whether it was applied. */
  async #sendStep(
    { kind, before }: QueuedStep & { kind: 'undo' | 'redo' },
    note: (said: QueuedStep) => Promise<unknown>,
  ): Promise<Missed> {
    const { calls } = this.#session;
    const entries = await calls.journal.history.query({ limit: checkedEntries });
    const now = JSON.stringify(entries.map(({ seq, undone }) => [seq, undone]));
    if (before !== null && before !== now) return null;
    await note({ kind, before: now });
    try {
      const { title, journal } = await calls.journal[kind].mutate();
      this.#session.journal = journal;
      notices.add('info', `${kind === 'undo' ? 'Undone' : 'Redone'}: ${title}`);
      void this.#session.refresh();
    } catch (error) {
      if (codeOf(error) !== 'nothing-to-do') throw error;
    }
    return null;
  }

  async #takeAside() {
    this.aside = await asideOf(this.#session.id);
    notices.add(
      'error',
      `${plural(this.aside.length, 'step')} that waited for the engine could not be applied. The status line at the bottom lists them.`,
      { stays: true },
    );
    this.#inside.reloadAll(); // the page shows the edits as applied
    void this.#session.refresh();
  }
}
