/** Copies a workspace's database aside, in a thread of its own since a large one takes a second. Only what was committed is copied, whatever is written meanwhile, and the copy is checked before it has its name. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { copyDatabase, faultOf } from './database.ts';

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
  const fault = faultOf(part);
  if (fault) throw new Error(`The copy is damaged: ${fault}`);
  const descriptor = openSync(part, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(part, to);
} catch (error) {
  rmSync(part, { force: true });
  throw error;
}
