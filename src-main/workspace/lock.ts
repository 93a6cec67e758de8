/**
 * One engine a workspace. The lock file names the engine that holds it and the pipe it answers on; whoever comes second asks there and
 * becomes its client. A lock whose engine does not answer and is not alive is stale and is taken over.
 */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';

export interface Holder { pid: number; pipe: string }

const lockFile = (workspaceFolder: string) => join(workspaceFolder, 'engine.lock');

/**
 * Takes the lock (null), or tells who has it and answers. An engine listens on its pipe before it locks, so a pipe that refuses means a
 * holder that died. Throws `workspace-busy` when its holder does not answer.
 */
export async function lock(workspaceFolder: string, own: Holder): Promise<Holder | null> {
  for (let attempt = 0; attempt < 5; attempt++) {
    if (take(workspaceFolder, own)) return null;
    const holder = read(workspaceFolder);
    const state = holder ? await probe(holder.pipe) : 'gone';
    if (holder && state === 'answers') return holder;
    if (holder && state === 'silent') throw new WinnowError('workspace-busy', `Another Winnow (process ${holder.pid}) has this folder open and does not answer. Close it and try again.`);
    if (read(workspaceFolder)?.pipe === holder?.pipe) rmSync(lockFile(workspaceFolder), { force: true });
  }
  throw new WinnowError('workspace-busy', 'Another Winnow is opening this folder at the same moment. Try again.');
}

export function unlock(workspaceFolder: string, own: Holder) {
  const holder = read(workspaceFolder);
  if (holder?.pid === own.pid && holder.pipe === own.pipe) rmSync(lockFile(workspaceFolder), { force: true });
}

/** A hard link appears whole or not at all, on every file system that has them. */
function take(workspaceFolder: string, own: Holder): boolean {
  const file = lockFile(workspaceFolder);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(own));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    writeFileSync(file, JSON.stringify(own), { flag: 'wx' }); // no hard links here
    return true;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(workspaceFolder: string): Holder | null {
  try {
    return JSON.parse(readFileSync(lockFile(workspaceFolder), 'utf8')) as Holder;
  } catch {
    return null;
  }
}

const probe = (pipe: string) => new Promise<'answers' | 'silent' | 'gone'>((tell) => {
  const socket = connect(pipe, () => {
    socket.destroy();
    tell('answers');
  });
  socket.setTimeout(2000, () => {
    socket.destroy();
    tell('silent');
  });
  socket.on('error', () => tell('gone'));
});
