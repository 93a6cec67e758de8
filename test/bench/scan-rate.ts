/**
 * Images per second of `winnow scan` into a new workspace (hash, thumbnail, measures, fingerprint, rows), compared with Pillow in two
 * processes (hash and thumbnail only) and cleanvision with two jobs (its checks), interleaved in one run, since the machine may be
 * shared: the ratio counts. ‘whole’ is the complete process; ‘work’ excludes the start (ours: a scan of an empty folder). What the
 * programs write is removed at the end only: a file system is slow at making files just after it has deleted others. ‘Reading’ is
 * the stage of a scan that reads the files, until their rows are stored: the steps of the Pillow peers, with measures and fingerprints.
 * Prints tables and writes dist/bench/scan-rate.json.
 *
 *   WINNOW_PYTHON=/path/to/python node test/bench/scan-rate.ts [--rounds 5] [--sets photos-large,clothing-10] [--peers pillow-webp,…]
 */
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    sets: { type: 'string', default: 'photos-large,clothing-10' },
    peers: { type: 'string', default: 'pillow-webp,pillow-jpeg,pillow,cleanvision' },
  },
});
const root = path.resolve(import.meta.dirname, '..', '..');
const python = process.env.WINNOW_PYTHON;
const peers = python ? options.peers.split(',').filter(hasPeer) : [];
if (!python)
  console.log(
    'WINNOW_PYTHON is not set: name a Python with Pillow and cleanvision to compare with them. Only our own rate is measured.',
  );

function hasPeer(peer: string): boolean {
  const library = peer === 'cleanvision' ? 'cleanvision' : 'PIL';
  try {
    execFileSync(python as string, ['-c', `import ${library}`], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(`${python} cannot import ${library}: ${peer} is left out.`);
    return false;
  }
}

interface Run {
  images: number;
  /** Of all its processes, seconds. */
  cpu: number;
  whole: number;
  work: number;
  reading: number;
}

/** User and system time of all child processes that have ended, in seconds; 0 where the system does not tell. */
function childrenCpu(): number {
  if (process.platform !== 'linux') return 0;
  const fields = fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100; // cutime and cstime, in ticks
}

const written: string[] = [];
function scratch(): string {
  const folder = temporaryFolder('bench');
  written.push(folder);
  return folder;
}

/** `reading`: from the first to the last line of progress of the stage. */
async function scanSeconds(folder: string): Promise<{ images: number; seconds: number; reading: number }> {
  const workspace = scratch();
  const json = path.join(workspace, 'scan.json');
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      path.join(root, 'src-main', 'cli.ts'),
      'scan',
      folder,
      '--workspace',
      path.join(workspace, 'w'),
      '--json',
      json,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let [from, to] = [0, 0];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (!text.includes('Reading images')) return;
    from ||= performance.now();
    to = performance.now();
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`The scan ended with ${String(code)}.`);
  const seconds = (performance.now() - began) / 1000;
  const { samples, issues } = JSON.parse(fs.readFileSync(json, 'utf8')) as { samples: unknown[]; issues: unknown[] };
  return { images: samples.length + issues.length, seconds, reading: (to - from) / 1000 };
}

const empty = scratch();
async function ours(folder: string): Promise<Run> {
  const start = (await scanSeconds(empty)).seconds;
  const before = childrenCpu();
  const { images, seconds, reading } = await scanSeconds(folder);
  return { images, cpu: childrenCpu() - before, whole: seconds, work: Math.max(0.001, seconds - start), reading };
}

function theirs(peer: string, folder: string): Run {
  const before = childrenCpu();
  const began = performance.now();
  const line = execFileSync(
    python as string,
    [path.join(root, 'test', 'bench', 'scan-rate.py'), peer, folder, scratch()],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const { images, seconds } = JSON.parse(line.trim().split('\n').at(-1) as string) as {
    images: number;
    seconds: number;
  };
  const whole = (performance.now() - began) / 1000;
  return { images, cpu: childrenCpu() - before, whole, work: seconds, reading: seconds };
}

type Measured = 'whole' | 'work' | 'reading' | 'cpu';
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
const results: Record<string, Record<string, Run[]>> = {};
for (const set of options.sets.split(',')) {
  const folder = sharedSet(set);
  const runs: Record<string, Run[]> = (results[set] = Object.fromEntries(
    ['winnow', ...peers].map((name) => [name, []]),
  ));
  await scanSeconds(folder); // files and libraries are then in the system's cache for all
  for (let round = 0; round < Number(options.rounds); round++) {
    const order = Object.keys(runs);
    for (const name of round % 2 ? order.toReversed() : order)
      runs[name].push(name === 'winnow' ? await ours(folder) : theirs(name, folder));
  }
  const rate = (name: string, which: Measured) => runs[name].map((run) => run.images / run[which]);
  console.log(
    `\n${set}: ${runs.winnow[0].images} images, ${options.rounds} rounds; images/s, median; ratio = winnow / peer, median and range of the rounds; CPU of all processes with their start`,
  );
  console.table(
    Object.fromEntries(
      Object.keys(runs).map((name) => {
        const ratio = (which: Measured) => {
          const all = rate('winnow', which).map((value, i) => value / rate(name, which)[i]);
          return `${median(all).toFixed(2)} (${Math.min(...all).toFixed(2)}–${Math.max(...all).toFixed(2)})`;
        };
        return [
          name,
          {
            whole: Math.round(median(rate(name, 'whole'))),
            'ratio whole': ratio('whole'),
            work: Math.round(median(rate(name, 'work'))),
            'ratio work': ratio('work'),
            'ratio reading': ratio('reading'),
            'CPU, ms/image': Number((1000 / median(rate(name, 'cpu'))).toFixed(2)),
            'ratio CPU': ratio('cpu'),
          },
        ];
      }),
    ),
  );
}
fs.mkdirSync(path.join(root, 'dist', 'bench'), { recursive: true });
fs.writeFileSync(
  path.join(root, 'dist', 'bench', 'scan-rate.json'),
  JSON.stringify({ cores: os.availableParallelism(), rounds: Number(options.rounds), results }, null, 2),
);
for (const folder of written) fs.rmSync(folder, { recursive: true });
