/**
 * Decisions made while the engine does not answer: kept in Dexie, also over a reload, and sent in order when it is back. Sending one twice is
 * harmless, since deciding what is already so is no entry of the journal.
 */
import Dexie, { type EntityTable } from 'dexie';
import type { Decision } from '../../src-main/contract/types.ts';

interface Waiting { seq: number; workspace: string; ids: number[]; decision: Decision | null }

const db = new Dexie('winnow-outbox') as Dexie & { waiting: EntityTable<Waiting, 'seq'> };
db.version(1).stores({ waiting: '++seq, workspace' });

export async function keepForLater(workspace: string, ids: readonly number[], decision: Decision | null): Promise<void> {
  await db.waiting.add({ workspace, ids: [...ids], decision });
}

/** Sends what waits, in order; what was sent is forgotten. Returns how many were sent. Throws what `send` throws, keeping the rest. */
export async function sendWaiting(workspace: string, send: (ids: number[], decision: Decision | null) => Promise<unknown>): Promise<number> {
  const waiting = await db.waiting.where({ workspace }).sortBy('seq').catch(() => []);
  for (const { seq, ids, decision } of waiting) {
    await send(ids, decision);
    await db.waiting.delete(seq);
  }
  return waiting.length;
}
