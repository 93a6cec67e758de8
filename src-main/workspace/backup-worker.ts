/**
 * Makes a backup of a workspace's database. It runs in a worker thread, because a large database takes a second. It copies only committed data, even while
 * the engine writes. The copy gets its final name only after an integrity check.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { copyDatabase, damageOf } from './database.ts';

export interface BackupOrder {
  file: string;
  to: string;
}

const { file, to } = workerData as BackupOrder;
const part = `${to}.part`;
try {
  rmSync(part, { force: true });
  const source = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    copyDatabase(source, part);
  } finally {
    source.close();
  }
  const damage = damageOf(part);
  if (damage) throw new Error(`The copy is damaged: ${damage}`);
  const descriptor = openSync(part, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(part, to);
} catch (error) {
  rmSync(part, { force: true });
  throw error;
}
