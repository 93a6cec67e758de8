/** The outbox: edits are sent in order, wait while the engine is away, and are never applied to another image. */
import { describe, expect, test } from 'vitest';
import {
  locate,
  Outbox,
  wordsOf,
  type Aside,
  type Missed,
  type Post,
  type QueuedStep,
  type Store,
  type Waiting,
} from '../../src-renderer/state/outbox.ts';

/** The page's Dexie store in memory: the same order, the same calls. It outlives an outbox, as the database outlives a page. */
function memory(waiting: Waiting[] = []) {
  const aside: Aside[] = [];
  let [next, lock] = [1 + waiting.length, Promise.resolve() as Promise<unknown>];
  const store: Store = {
    add: async (entry) => {
      waiting.push({ ...structuredClone(entry), seq: next });
      return next++;
    },
    put: async (entry) =>
      void waiting.splice(
        waiting.findIndex(({ seq }) => seq === entry.seq),
        1,
        entry,
      ),
    list: async (workspace) => waiting.filter((entry) => entry.workspace === workspace),
    count: async (workspace) => waiting.filter((entry) => entry.workspace === workspace).length,
    remove: async (seq) =>
      void waiting.splice(
        waiting.findIndex((entry) => entry.seq === seq),
        1,
      ),
    setAside: async (entry) => void aside.push({ ...entry, seq: aside.length }),
    exclusively: (_, work) => {
      const done = lock.then(work);
      lock = done.catch(() => {});
      return done;
    },
  };
  return { store, waiting, aside };
}

class Refusal extends Error {
  code: string | null;
  constructor(code: string | null) {
    super(`refused: ${code}`);
    this.code = code;
  }
}

/** An engine with a table of images that can be up or down. */
class Table {
  isUp = true;
  key = 'first';
  images: { id: number; path: string; sha256: string; decision?: string | null }[] = ['a', 'b', 'c'].map((name, i) => ({
    id: i + 1,
    path: `${name}.png`,
    sha256: `#${name}`,
  }));
  history: { id: number; before: string | null | undefined; undone: boolean }[] = [];
  log: string[] = [];
  losesAnswers = false;

  send = async (said: QueuedStep, note: (said: QueuedStep) => Promise<unknown>): Promise<Missed> => {
    await null;
    if (!this.isUp) throw new Refusal(null);
    const state = JSON.stringify(this.history.map(({ undone }) => undone));
    if (said.kind === 'edit') {
      if (said.change.note === 'too long') throw new Refusal('bad-request');
      const { ids, missed } = locate(said.images, {
        atPath: (path) => this.images.find((image) => image.path === path),
        ofContent: (sha256) => this.images.filter((image) => image.sha256 === sha256).map(({ id }) => id),
      });
      for (const id of ids) {
        const image = this.images.find((known) => known.id === id)!;
        if (image.decision === said.change.decision) continue; // no change, no entry
        this.history.push({ id, before: image.decision, undone: false });
        image.decision = said.change.decision;
        this.log.push(`${image.path} ${image.decision}`);
      }
      if (this.losesAnswers) throw new Refusal(null);
      return missed.paths.length ? { images: missed, why: 'gone' } : null;
    }
    if (said.before !== null && said.before !== state) return null;
    await note({ ...said, before: state });
    const last = this.history.findLast(({ undone }) => !undone);
    if (last) {
      last.undone = true;
      this.images.find(({ id }) => id === last.id)!.decision = last.before;
      this.log.push('undo');
    }
    if (this.losesAnswers) throw new Refusal(null);
    return null;
  };
  decisions = () => Object.fromEntries(this.images.map(({ path, decision }) => [path, decision ?? null]));
}

function outboxOn(table: Table, store: Store, more: Partial<Post> = {}) {
  const lost: number[] = [];
  const outbox = new Outbox(store, {
    workspace: 'w',
    key: () => table.key,
    send: table.send,
    messageOf: (error) => (error as Error).message,
    onLost: () => void lost.push(1),
    onCount: () => {},
    onAside: () => {},
    retryOf: (error) =>
      (error as Refusal).code === null ? 'later' : (error as Refusal).code === 'disk-full' ? 'again' : 'never',
    ...more,
  });
  const mark = (path: string, decision: 'keep' | 'reject' | 'unsure' | null) =>
    outbox.enqueue({ kind: 'edit', change: { decision }, images: { paths: [path], hashes: [`#${path[0]}`] } });
  return { outbox, mark, undo: () => outbox.enqueue({ kind: 'undo', before: null }), lost };
}

describe('the outbox', () => {
  test('sends edits in order, and is empty afterwards', async () => {
    const [table, { store, waiting }] = [new Table(), memory()];
    const { outbox, mark, undo } = outboxOn(table, store);
    await outbox.resume();
    const outcomes = await Promise.all([mark('a.png', 'keep'), mark('a.png', 'reject'), mark('b.png', 'keep'), undo()]);
    expect(outcomes.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done']);
    expect(table.log).toEqual(['a.png keep', 'a.png reject', 'b.png keep', 'undo']);
    expect(waiting).toEqual([]);
  });

  test('keeps edits while the engine is away, also after it is up and before the folder is open', async () => {
    const [table, { store, waiting }] = [new Table(), memory()];
    const { outbox, mark, undo, lost } = outboxOn(table, store);
    await outbox.resume();
    table.isUp = false;
    expect((await mark('a.png', 'keep')).state).toBe('waits');
    expect(lost).toHaveLength(1); // the page is asked once to open the folder again
    table.isUp = true; // the engine answers, but the folder is not open: nothing may overtake
    expect((await mark('a.png', 'reject')).state).toBe('waits');
    expect((await mark('b.png', 'unsure')).state).toBe('waits');
    expect((await undo()).state).toBe('waits');
    expect(table.log).toEqual([]);
    expect(waiting).toHaveLength(4);
    const last = (async () => {
      await outbox.resume();
    })();
    const behind = mark('c.png', 'keep');
    await Promise.all([last, behind]);
    expect(table.log).toEqual(['a.png keep', 'a.png reject', 'b.png unsure', 'undo', 'c.png keep']);
    expect(table.decisions()).toEqual({ 'a.png': 'reject', 'b.png': null, 'c.png': 'keep' });
  });

  test('other calls stay in order with the edits', async () => {
    const [table, { store }] = [new Table(), memory()];
    const { outbox, mark } = outboxOn(table, store);
    await outbox.resume();
    const first = mark('a.png', 'keep');
    const other = outbox.inTurn(async () => void table.log.push('a view is saved'));
    await Promise.all([first, other, mark('b.png', 'keep')]);
    expect(table.log).toEqual(['a.png keep', 'a view is saved', 'b.png keep']);
  });

  test('an undo whose response was lost is applied once', async () => {
    const [table, { store, waiting }] = [new Table(), memory()];
    const { outbox, mark, undo } = outboxOn(table, store);
    await outbox.resume();
    await mark('a.png', 'keep');
    await mark('b.png', 'keep');
    table.losesAnswers = true;
    expect((await undo()).state).toBe('waits');
    table.losesAnswers = false;
    await outbox.resume();
    expect(table.decisions()).toEqual({ 'a.png': 'keep', 'b.png': null, 'c.png': null });
    expect(waiting).toEqual([]);
  });

  test('an edit whose response was lost is one step', async () => {
    const [table, { store }] = [new Table(), memory()];
    const { outbox, mark } = outboxOn(table, store);
    await outbox.resume();
    table.losesAnswers = true;
    await mark('a.png', 'keep');
    table.losesAnswers = false;
    await outbox.resume();
    expect(table.log).toEqual(['a.png keep']);
  });

  test('finds the image by its content, even if number and path have changed', async () => {
    const [table, kept] = [new Table(), memory()];
    const away = outboxOn(table, kept.store);
    await away.mark('a.png', 'reject'); // before the folder was open
    table.images = [
      { id: 1, path: 'b.png', sha256: '#b' },
      { id: 9, path: 'moved/a.png', sha256: '#a' },
    ];
    const { outbox } = outboxOn(table, kept.store); // another page
    await outbox.resume();
    expect(table.decisions()).toEqual({ 'b.png': null, 'moved/a.png': 'reject' });
    expect(kept.aside).toEqual([]);
  });

  test('sets aside edits of images that are missing, changed or duplicated, and continues', async () => {
    const [table, kept] = [new Table(), memory()];
    const away = outboxOn(table, kept.store);
    await Promise.all([away.mark('a.png', 'reject'), away.mark('b.png', 'reject'), away.mark('c.png', 'keep')]);
    table.images = [
      { id: 1, path: 'a.png', sha256: '#changed' },
      { id: 2, path: 'x.png', sha256: '#b' },
      { id: 3, path: 'y.png', sha256: '#b' },
      { id: 4, path: 'c.png', sha256: '#c' },
    ];
    await outboxOn(table, kept.store).outbox.resume();
    expect(table.decisions()).toEqual({ 'a.png': null, 'x.png': null, 'y.png': null, 'c.png': 'keep' });
    expect(kept.aside.map(({ paths, change }) => [...paths, wordsOf(change)])).toEqual([
      ['a.png', 'reject'],
      ['b.png', 'reject'],
    ]);
    expect(kept.waiting).toEqual([]);
  });

  test('applies nothing to a recreated workspace', async () => {
    const [table, kept] = [new Table(), memory()];
    const away = outboxOn(table, kept.store);
    await Promise.all([away.mark('a.png', 'reject'), away.undo()]);
    table.key = 'second';
    await outboxOn(table, kept.store).outbox.resume();
    expect(table.log).toEqual([]);
    expect(kept.aside).toMatchObject([
      { paths: ['a.png'], images: 1, change: { decision: 'reject' }, why: expect.stringContaining('created again') },
    ]);
    expect(kept.waiting).toEqual([]);
  });

  test('a refused edit does not block later ones', async () => {
    const [table, kept] = [new Table(), memory()];
    const { outbox, mark } = outboxOn(table, kept.store);
    const bad: QueuedStep = {
      kind: 'edit',
      change: { note: 'too long' },
      images: { paths: ['a.png'], hashes: ['#a'] },
    };
    await outbox.enqueue(bad);
    await mark('b.png', 'keep');
    await outbox.resume();
    expect(table.decisions()['b.png']).toBe('keep');
    expect(kept.aside).toHaveLength(1);
    // The caller gets the error, and nothing is set aside.
    expect(await outbox.enqueue(bad)).toMatchObject({ state: 'refused', error: { code: 'bad-request' } });
    expect(kept.aside).toHaveLength(1);
  });

  test('edits stay while the engine cannot write, and are sent later', async () => {
    const [table, kept] = [new Table(), memory()];
    await outboxOn(table, kept.store).mark('a.png', 'keep');
    let isFull = true;
    const { outbox } = outboxOn(table, kept.store, {
      send: async (...said) => {
        if (isFull) throw new Refusal('disk-full');
        return table.send(...said);
      },
    });
    await outbox.resume();
    expect(kept.waiting).toHaveLength(1);
    isFull = false;
    await outbox.resume();
    expect(table.decisions()['a.png']).toBe('keep');
  });

  test('two pages with one folder send each edit once', async () => {
    const [table, kept] = [new Table(), memory()];
    const [one, two] = [outboxOn(table, kept.store), outboxOn(table, kept.store)];
    await Promise.all([one.mark('a.png', 'keep'), one.undo(), two.mark('b.png', 'keep')]);
    await Promise.all([one.outbox.resume(), two.outbox.resume()]);
    expect(table.log).toEqual(['a.png keep', 'undo', 'b.png keep']);
    expect(kept.waiting).toEqual([]);
  });

  test('describes the edit in a message', () => {
    expect(wordsOf({ decision: 'reject', addTags: ['torn'], label: null })).toBe(
      'reject, tag torn, reset label to the folder’s class',
    );
    expect(wordsOf({ decision: null, removeTags: ['torn'], note: 'left edge' })).toBe(
      'back to undecided, remove tag torn, note ‘left edge’',
    );
  });
});
