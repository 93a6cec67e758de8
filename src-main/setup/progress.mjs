/**
 * Progress and messages of setup. All go to stderr, since stdout is reserved for `--json -`. On a terminal the progress line
 * overwrites itself; elsewhere (a log, CI) it is printed at most every ten seconds.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const toTerminal = Boolean(process.stderr.isTTY);
const repeatEveryMs = toTerminal ? 200 : 10_000;
let lineLength = 0;

/** @param {string} text one line that stays */
export function log(text) {
  wipe();
  process.stderr.write(`${text}\n`);
}

/** Clears the progress line, so that the next output starts on an empty line. */
function wipe() {
  if (lineLength > 0) process.stderr.write(`\r${' '.repeat(lineLength)}\r`);
  lineLength = 0;
}

/**
 * A progress reporter for one download or build. Call it with the amount done so far.
 * @param {string} title @param {number} total bytes expected; 0 when unknown
 */
export function progress(title, total) {
  const startedAt = Date.now();
  let shownAt = startedAt - repeatEveryMs + (toTerminal ? 0 : 3_000);
  return {
    /** @param {number} done bytes */
    at(done) {
      if (Date.now() - shownAt < repeatEveryMs) return;
      shownAt = Date.now();
      const seconds = (shownAt - startedAt) / 1000;
      const text = describe(title, Math.min(done, total || done), total, seconds);
      if (!toTerminal) return void process.stderr.write(`${text}\n`);
      wipe();
      process.stderr.write(text);
      lineLength = text.length;
    },
    done: wipe,
  };
}

/** @returns {string} e.g. `  TensorFlow  120 of 240 MiB  50%  30 MiB/s  4 s left` */
export function describe(
  /** @type {string} */ title,
  /** @type {number} */ done,
  /** @type {number} */ total,
  /** @type {number} */ seconds,
) {
  const rate = seconds > 0.5 ? done / seconds : 0;
  const parts = [
    `  ${title}`,
    total ? `${mebi(done)} of ${mebi(total)} MiB` : done ? `${mebi(done)} MiB` : `${Math.round(seconds)} s`,
  ];
  if (total) parts.push(`${Math.floor((100 * done) / total)}%`);
  if (rate > 0) parts.push(`${mebi(rate)} MiB/s`);
  if (rate > 0 && total) parts.push(`${Math.ceil((total - done) / rate)} s left`);
  return parts.join('  ');
}

/** @returns {string} bytes as MiB, with a decimal below ten */
export function mebi(/** @type {number} */ bytes) {
  const value = bytes / 2 ** 20;
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** @returns {number} bytes of all files in a folder: the progress of a download by another program */
export function folderBytes(/** @type {string} */ folder) {
  let sum = 0;
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return 0; // it may be renamed or removed meanwhile
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sum += folderBytes(path);
    else if (entry.isFile()) {
      try {
        sum += statSync(path).size;
      } catch {}
    }
  }
  return sum;
}
