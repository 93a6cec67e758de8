/**
 * What is said of samples while the engine does not answer: kept in Dexie, also over a reload, and sent in order when it is back. Sending one twice is
 * harmless, since saying what is already so is no entry of the journal.
 */
import Dexie, { type EntityTable } from 'dexie';
import type { Change } from '../../src-main/contract/schemas.ts';

interface Waiting { seq: number; workspace: string; ids: number[]; change: Change }

const db = new Dexie('winnow-outbox') as Dexie & { waiting: EntityTable<Waiting, 'seq'> };
db.version(1).stores({ waiting: '++seq, workspace' });
db.version(2).stores({ waiting: '++seq, workspace' }).upgrade((change) => change.table('waiting').toCollection().modify((waiting: Waiting & { decision?: Change['decision'] }) => {
  waiting.change ??= { decision: waiting.decision };
}));

export async function keepForLater(workspace: string, ids: readonly number[], change: Change): Promise<void> {
  await db.waiting.add({ workspace, ids: [...ids], change: JSON.parse(JSON.stringify(change)) as Change }); // a page's proxy cannot be stored
}

/** Sends what waits, in order; what was sent is forgotten. Returns how many were sent. Throws what `send` throws, keeping the rest. */
export async function sendWaiting(workspace: string, send: (ids: number[], change: Change) => Promise<unknown>): Promise<number> {
  const waiting = await db.waiting.where({ workspace }).sortBy('seq').catch(() => []);
  for (const { seq, ids, change } of waiting) {
    await send(ids, change);
    await db.waiting.delete(seq);
  }
  return waiting.length;
}
