/**
 * A lock, so that only one setup works on a component at a time. The lock is a folder that names its owner; it is created
 * by a rename and therefore never seen incomplete. The owner touches it every few seconds. A lock is taken over if its
 * process no longer exists or if it was not touched for a minute (a reused process id, another machine on a shared home).
 * It also lists the owner's child processes: after a `kill -9`, an `npm ci` keeps running and must be waited for.
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

/** Lists a child process in every lock that we own. */
export function noteWorker(/** @type {number | undefined} */ pid) {
  for (const path of held) appendFileSync(join(path, 'holder'), `${pid}\n`);
}

/**
 * @template T
 * @param {string} path of the lock folder @param {() => Promise<T> | T} work
 * @param {(pid: string) => void} [onWait] called once if another process owns it
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  let isReported = false;
  while (!take(path)) {
    if (isAbandoned(path)) {
      remove(path);
      continue;
    }
    if (!isReported) onWait?.(ownerOf(path)?.pid ?? '?');
    isReported = true;
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
    renameSync(prepared, path); // fails while the existing folder is not empty
    return true;
  } catch {
    rmSync(prepared, { recursive: true, force: true });
    return false;
  }
}

function ownerOf(/** @type {string} */ path) {
  try {
    const [host, pid, ...workers] = readFileSync(join(path, 'holder'), 'utf8').trim().split('\n');
    return { host, pid, workers };
  } catch {
    return null;
  }
}

function isAbandoned(/** @type {string} */ path) {
  const owner = ownerOf(path);
  if (!owner) return false; // just released or being removed; check again on the next try
  const isHere = owner.host === hostname();
  const orphan = isHere && owner.workers.some((pid) => isAlive(Number(pid)));
  if (isHere && !orphan && !isAlive(Number(owner.pid))) return true;
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

/** Renames the lock before deleting it: only one of two processes succeeds, and a new lock in its place is not deleted. */
function remove(/** @type {string} */ path) {
  const aside = `${path}-gone-${process.pid}-${Date.now()}`;
  try {
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch {}
}
