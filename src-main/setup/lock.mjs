/**
 * One set-up at a time for one thing. The lock is a folder that says who holds it; it appears by a rename, so it is
 * never seen half made. The holder touches it every few seconds: a lock whose process is gone, or that nobody has
 * touched for a minute (a process id used again, another machine on a shared home), is taken over. The programs that
 * the holder started are named in it too: after a `kill -9` an `npm ci` goes on by itself, and is waited for.
 */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

const touchEveryMs = 5_000;
const abandonedAfterMs = 60_000;
const orphanMayTakeMs = 15 * 60_000;
const held = new Set();

/** Says in every lock we hold that this process works for us. */
export function noteWorker(/** @type {number | undefined} */ pid) {
  for (const path of held) appendFileSync(join(path, 'holder'), `${pid}\n`);
}

/**
 * @template T
 * @param {string} path of the lock folder @param {() => Promise<T> | T} work
 * @param {(holder: string) => void} [onWait] called once if someone else holds it
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    if (isAbandoned(path)) {
      remove(path);
      continue;
    }
    if (!told) onWait?.(holderOf(path)?.pid ?? '?');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const touching = setInterval(() => {
    try {
      utimesSync(path, new Date(), new Date());
    } catch {}
  }, touchEveryMs);
  touching.unref();
  held.add(path);
  const release = () => {
    held.delete(path);
    rmSync(path, { recursive: true, force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    process.off('exit', release);
    release();
  }
}

function take(/** @type {string} */ path) {
  const prepared = mkdtempSync(join(dirname(path), `${basename(path)}-`));
  writeFileSync(join(prepared, 'holder'), `${hostname()}\n${process.pid}\n`);
  try {
    renameSync(prepared, path); // refused while the other folder has something in it
    return true;
  } catch {
    rmSync(prepared, { recursive: true, force: true });
    return false;
  }
}

function holderOf(/** @type {string} */ path) {
  try {
    const [host, pid, ...workers] = readFileSync(join(path, 'holder'), 'utf8').trim().split('\n');
    return { host, pid, workers };
  } catch {
    return null;
  }
}

function isAbandoned(/** @type {string} */ path) {
  const holder = holderOf(path);
  if (!holder) return false; // just released, or being removed: the next try tells
  const isHere = holder.host === hostname();
  const orphan = isHere && holder.workers.some((pid) => isAlive(Number(pid)));
  if (isHere && !orphan && !isAlive(Number(holder.pid))) return true;
  try {
    return Date.now() - statSync(path).mtimeMs > (orphan ? orphanMayTakeMs : abandonedAfterMs);
  } catch {
    return false;
  }
}

function isAlive(/** @type {number} */ pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** Moved aside first: of two that want to remove it only one succeeds, and a fresh lock in its place is not hit. */
function remove(/** @type {string} */ path) {
  const aside = `${path}-gone-${process.pid}-${Date.now()}`;
  try {
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch {}
}
