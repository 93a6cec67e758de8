/**
 * Scans damaged files with the command line, twice, each time into a new workspace, and then reads each with the processes of a scan to measure its time. Each file must be a
 * sample or an issue with a reason of our own, the verdict and the thumbnail must be the same each time, none may take longer than its time limit, and all processes together
 * must stay below 1.5 GB. Prints the counts and the files that break a rule, which `--only NUMBER` makes again.
 *
 *   npm run bench -- fuzz [--files 10000] [--seed 1] [--only 123 --to FOLDER]
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { forEachParallel } from '../../src-main/file/parallel.ts';
import { issueOf } from '../../src-main/image/issue.ts';
import { maxSeconds } from '../../src-main/image/raw.ts';
import { thumbFile } from '../../src-main/image/thumb-file.ts';
import { startReaders } from '../../src-main/image/readers.ts';
import {
  fuzzFile,
  fuzzSources,
  isForeign,
  passedOver,
  verdictsOf,
  writeFuzz,
  type FuzzScan,
} from '../fixtures/fuzz.ts';
import { temporaryFolder } from '../fixtures/images.ts';
import { root } from '../fixtures/processes.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    to: { type: 'string', default: '.' },
  },
  allowPositionals: true,
});
const seed = Number(options.seed);
const maxBytes = 1.5e9;
const pollMs = 100;

/** Resident memory of a process and all that it has started, in bytes. Linux only: else 0. */
function treeBytes(parent: number): number {
  if (process.platform !== 'linux') return 0;
  const children = new Map<number, number[]>();
  const resident = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      const [pid, ppid] = [Number(name), Number(fields[1])];
      children.set(ppid, [...(children.get(ppid) ?? []), pid]);
      resident.set(pid, Number(fields[21]) * 4096);
    } catch {
      // It has ended.
    }
  }
  const sum = (pid: number): number =>
    (resident.get(pid) ?? 0) + (children.get(pid) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(parent);
}

async function scan(folder: string, workspace: string) {
  const json = `${workspace}.json`;
  const started = performance.now();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'cli.ts'), 'scan', folder].concat([
      '--workspace',
      workspace,
      '--json',
      json,
      '--quiet',
    ]),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  let peak = 0;
  const poll = setInterval(() => (peak = Math.max(peak, treeBytes(child.pid as number))), pollMs);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(poll);
  if (code !== 0) throw new Error(`The scan ended with ${String(code)}.`);
  const result = JSON.parse(readFileSync(json, 'utf8')) as FuzzScan;
  const thumbs = new Map(
    result.samples.map(({ path, sha256 }) => {
      const file = thumbFile(workspace, sha256);
      return [path, existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none'] as const;
    }),
  );
  return { verdicts: verdictsOf(result), thumbs, peak, seconds: (performance.now() - started) / 1000 };
}

/** Seconds to read each file, in the processes of a scan. */
async function times(folder: string, files: readonly string[], workspaceFolder: string) {
  const { signal } = new AbortController();
  const readers = startReaders(signal);
  const seconds = new Map<string, number>();
  try {
    await forEachParallel(files, readers.prepare(files.length), signal, async (path) => {
      const started = performance.now();
      await readers.read({ folder, workspaceFolder, path, bytes: 0 }).catch((error: unknown) => issueOf(path, error));
      seconds.set(path, (performance.now() - started) / 1000);
    });
  } finally {
    await readers.close();
  }
  return seconds;
}

if (options.only) {
  const { name, bytes, how } = fuzzFile(fuzzSources(), seed, Number(options.only));
  writeFileSync(join(options.to, name), bytes);
  console.log(`${join(options.to, name)}: ${how}`);
  process.exit();
}

const own = temporaryFolder('fuzz');
const folder = join(own, 'images');
const made = writeFuzz(folder, seed, Number(options.files));
for (const name of ['first', 'second', 'timed']) mkdirSync(join(own, name));
const first = await scan(folder, join(own, 'first'));
const second = await scan(folder, join(own, 'second'));
const seconds = await times(folder, [...first.verdicts.keys()], join(own, 'timed'));

const counts = new Map<string, number>();
for (const verdict of first.verdicts.values()) {
  const kind = verdict.startsWith('ok') ? verdict.slice(0, verdict.indexOf(' ', 4)) : verdict.replace(/\d+/g, 'N');
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
const sorted = [...counts].sort(([, a], [, b]) => b - a);
for (const [kind, n] of sorted) console.log(`${String(n).padStart(6)}  ${kind}`);
console.log(`${String(made.size - first.verdicts.size).padStart(6)}  no image by name and content`);

const bad: [rule: string, path: string, why: string][] = [];
for (const path of passedOver(folder, made.keys(), first.verdicts)) bad.push(['passed over', path, '']);
for (const [path, verdict] of first.verdicts) {
  const again = second.verdicts.get(path) ?? 'passed over';
  if (verdict !== again) bad.push(['unstable', path, `${verdict} | ${again}`]);
  else if (first.thumbs.get(path) !== second.thumbs.get(path)) bad.push(['other pixels', path, verdict]);
  if (isForeign(verdict)) bad.push(['foreign text', path, verdict]);
  if (/crashed/.test(verdict)) bad.push(['crash of a reader', path, verdict]);
  const took = seconds.get(path) ?? 0;
  if (took > maxSeconds && !verdict.startsWith('too-slow'))
    bad.push(['slow', path, `${took.toFixed(1)} s, ${verdict}`]);
}
for (const [rule, path, why] of bad) console.log(`${rule}: ${path} (${made.get(path)}) ${why}`);

const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, 10);
console.log(`slowest: ${slowest.map(([path, took]) => `${path} ${took.toFixed(1)} s`).join(', ')}`);
const megabytes = Math.max(first.peak, second.peak) / 1e6;
console.log(
  `${made.size} files, seed ${seed}: scans of ${first.seconds.toFixed(0)} s and ${second.seconds.toFixed(0)} s, at most ${megabytes.toFixed(0)} MB in all processes, ${bad.length} broken rules`,
);
if (bad.length || megabytes * 1e6 > maxBytes) process.exitCode = 1;
rmSync(own, { recursive: true, force: true });
