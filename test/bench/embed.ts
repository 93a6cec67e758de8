/**
 * Images per second from files to embeddings, including decoding, compared with PyTorch with the same network on the same cores, interleaved in one run.
 * Winnow: the first `like` of a scanned folder minus the second, which finds all embeddings stored; this includes writing them, not the program start.
 * PyTorch: Pillow decodes in 0, 1 or 2 processes, with both memory layouts; the best counts. Prints a table of ratios.
 *
 *   WINNOW_BENCH_PYTHON=python npm run bench -- embed [--rounds 2] [--set clothing-10]     (torch, timm, pillow, numpy)
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '2' }, set: { type: 'string', default: 'clothing-10' } },
});
const python = process.env.WINNOW_BENCH_PYTHON;
if (!python)
  console.log('WINNOW_BENCH_PYTHON is not set: name a Python with torch, timm and pillow to compare with it.');
const folder = sharedSet(options.set);
const root = path.resolve(import.meta.dirname, '..', '..');
const cli = ['--disable-warning=ExperimentalWarning', path.join(root, 'src-main', 'cli.ts')];

function winnow(data: string, ...args: string[]): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [...cli, ...args, '--quiet'], {
    env: { ...process.env, WINNOW_DATA: data },
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`winnow ${args.join(' ')} ended with ${status}: ${stderr}`);
  return (performance.now() - began) / 1000;
}

console.log('| round | images | Winnow, images/s | PyTorch, images/s | with | ratio |\n|---|---|---|---|---|---|');
for (let round = 1; round <= Number(options.rounds); round++) {
  const data = temporaryFolder('bench');
  const json = path.join(data, 'scan.json');
  winnow(data, 'scan', folder, '--json', json);
  const { samples } = JSON.parse(fs.readFileSync(json, 'utf8')) as { samples: { path: string }[] };
  const like = (): number => winnow(data, 'like', folder, samples[0].path);
  const ours = samples.length / (like() - like());
  const peer = python
    ? (JSON.parse(
        execFileSync(python, [path.join(import.meta.dirname, 'embed-peer.py'), folder], { encoding: 'utf8' }),
      ) as { rate: number; how: string })
    : null;
  console.log(
    `| ${round} | ${samples.length} | ${ours.toFixed(0)} | ${peer?.rate.toFixed(0) ?? ''} | ${peer?.how ?? ''} | ${peer ? (ours / peer.rate).toFixed(2) : ''} |`,
  );
}
