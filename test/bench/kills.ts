/**
 * Kills the engine, its compute process or the command line 200 times (SIGKILL) at random moments, and counts lost confirmed decisions, corrupt workspaces,
 * unfinished results shown as finished, and trainings that do not resume. `npm run bench -- kills [--kills N] [--seed N]`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { blob } from '../fixtures/images.ts';
import { killRounds, seeded } from '../fixtures/kills.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const own = mkdtempSync(join(tmpdir(), 'winnow-kills-'));
for (const name of ['data', 'work', ...['0', '1', '2'].map((name) => join('images', name))])
  mkdirSync(join(own, name), { recursive: true });
for (let i = 0; i < 24; i++) writeFileSync(join(own, 'images', String(i % 3), `blob-${i}.png`), await blob(i));
const result = await killRounds(Number(values.kills), {
  folder: join(own, 'images'),
  data: join(own, 'data'),
  work: join(own, 'work'),
  random: seeded(Number(values.seed)),
  onRound: (round, { lost, corrupt, half, withCheckpoint, resumed, unfinished }) =>
    process.stderr.write(
      `\r${round + 1} kills: ${lost} lost, ${corrupt} corrupt, ${half.length} half, ${resumed} of ${withCheckpoint} resumed, ${unfinished.length} unfinished `,
    ),
});
process.stderr.write('\n');
console.log(JSON.stringify(result, null, 1));
rmSync(own, { recursive: true, force: true });
