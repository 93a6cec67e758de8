/**
 * Storage of the outbox in Dexie, so that waiting edits survive a reload. A browser may have no database (private browsing); then nothing can wait, and
 * the outbox reports each edit as not saved.
 */
import Dexie, { type EntityTable } from 'dexie';
import type { Change } from '../../src-main/contract/schemas.ts';
import type { Aside, Store, Waiting } from './outbox.ts';

const db = new Dexie('winnow-outbox') as Dexie & {
  waiting: EntityTable<Waiting, 'seq'>;
  aside: EntityTable<Aside, 'seq'>;
};
db.version(2).stores({ waiting: '++seq, workspace' });
/** Older entries hold only sample numbers, which can no longer be matched to images. */
db.version(3)
  .stores({ waiting: '++seq, workspace', aside: '++seq, workspace' })
  .upgrade(async (change) => {
    const old = await change
      .table<{ workspace: string; ids?: number[]; change?: Change; decision?: Change['decision'] }>('waiting')
      .toArray();
    await change.table('waiting').clear();
    await change.table('aside').bulkAdd(
      old.map(({ workspace, ids = [], change: said, decision }) => ({
        workspace,
        change: said ?? { decision },
        paths: [],
        images: ids.length,
        why: 'An older version of Winnow stored this without the names of the images.',
      })),
    );
  });

/** A plain copy: Svelte's proxies cannot be stored. */
const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value;

/** Not every browser has locks: they need a secure context. */
const exclusively = <Result>(workspace: string, work: () => Promise<Result>): Promise<Result> =>
  (navigator.locks as LockManager | undefined)?.request(`winnow-outbox ${workspace}`, work) ?? work();

/** Without a database, Dexie throws from some calls at once: the functions are async, so that a caller sees a rejection each time. */
export const outboxStore: Store = {
  add: async (entry) => db.waiting.add(plain(entry) as Waiting),
  put: async (entry) => db.waiting.put(plain(entry)),
  list: async (workspace) => db.waiting.where({ workspace }).sortBy('seq'),
  count: async (workspace) => db.waiting.where({ workspace }).count(),
  remove: async (seq) => db.waiting.delete(seq),
  setAside: async (aside) => db.aside.add(plain(aside) as Aside),
  exclusively,
};

export async function asideOf(workspace: string): Promise<Aside[]> {
  try {
    return await db.aside.where({ workspace }).sortBy('seq');
  } catch {
    return [];
  }
}
export const discardAside = async (workspace: string): Promise<unknown> => db.aside.where({ workspace }).delete();
