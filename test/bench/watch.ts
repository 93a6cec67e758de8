/**
 * The proof of `watch`: files dropped into a folder at random times, in parts with pauses, renamed into place, over others, in new folders, and broken. Prints what is wrong with
 * the lines (a file without a line, with too many, or with another score than that of the final content), the time from a complete file to its line, and peak memory. Exit code
 * 1 if anything is wrong. Run it as
 *
 *   npm run bench -- watch [--files 500] [--seconds 60] [--method pca] [--seed 1]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { quantileOf } from '../../src-main/contract/statistics.ts';
import { dropFiles, faultsIn, startWatch } from '../fixtures/arrivals.ts';
import type { RankJson } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';
import { root } from '../fixtures/processes.ts';

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '60' },
    method: { type: 'string', default: 'pca' },
    seed: { type: 'string', default: '1' },
  },
});
const env = { WINNOW_DATA: temporaryFolder('bench-data') };
const folder = await blobFolder();
await rank(folder, '--method', options.method);
const watch = await startWatch([folder], env);
const dropped = await dropFiles(folder, {
  count: Number(options.files),
  seconds: Number(options.seconds),
  pauseMs: 900,
  seed: Number(options.seed),
});
await watch.until(() => dropped.every(({ path }) => watch.lines.some((line) => line.path === path)));
const samples = (
  await rank(folder, '--run', `${options.method}-1`, '--of', folder, '--workspace', temporaryFolder('copy'))
).samples;
const scores = new Map(samples.map(({ path, score }) => [path, score]));
const faults = () => faultsIn(watch.lines, dropped, scores);
const patience = AbortSignal.timeout(60_000);
await Promise.race([watch.until(() => !faults().length), once(patience, 'abort')]);
const peakMiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${watch.pid}/status`, 'utf8'))?.[1]) / 1024;
const code = await watch.stop();

const waits = dropped
  .flatMap(({ path, way, atMs }) => {
    const last = watch.lines.findLast((line) => line.path === path);
    return last && way !== 'broken' ? [(Date.parse(last.at) - atMs) / 1000] : [];
  })
  .sort((a, b) => a - b);
const ways = Map.groupBy(dropped, ({ way }) => way);
console.log(
  `| files | of them | lines | faults | seconds to the line, median | 95 % | peak memory of the engine | exit code |`,
);
console.log('|---|---|---|---|---|---|---|---|');
console.log(
  `| ${dropped.length} | ${[...ways].map(([way, list]) => `${list.length} ${way}`).join(', ')} | ${watch.lines.length} | ${faults().length} | ${quantileOf(waits, 0.5).toFixed(1)} | ${quantileOf(waits, 0.95).toFixed(1)} | ${peakMiB.toFixed(0)} MiB | ${code} |`,
);
for (const fault of faults()) console.log(fault);
process.exit(faults().length ? 1 : 0);

async function rank(...args: string[]): Promise<RankJson> {
  const file = join(temporaryFolder('bench-json'), 'ranks.json');
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(root, 'src-main', 'cli.ts'),
      'rank',
      ...args,
      '--quiet',
      '--json',
      file,
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [code] = (await once(child, 'close')) as [number];
  if (code) throw new Error(`rank ended with ${code}`);
  return JSON.parse(readFileSync(file, 'utf8')) as RankJson;
}
