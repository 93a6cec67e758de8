/**
 * 200 kills (SIGKILL of the engine at random moments during scan, decisions and export): how many confirmed decisions are lost, workspaces corrupt,
 * half exports taken for whole. `npm run bench -- kills [--kills N] [--seed N]`.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killRounds, seeded } from '../fixtures/kills.ts';
import { sharedSet } from '../fixtures/images.ts';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' } }, allowPositionals: true });
const own = mkdtempSync(join(tmpdir(), 'winnow-kills-'));
for (const name of ['data', 'work']) mkdirSync(join(own, name));
cpSync(sharedSet('dirty'), join(own, 'images'), { recursive: true });
const result = await killRounds(Number(values.kills), {
  folder: join(own, 'images'), data: join(own, 'data'), work: join(own, 'work'), random: seeded(Number(values.seed)),
  tell: (round, { lost, corrupt, halfExports }) => process.stderr.write(`\r${round + 1} kills: ${lost} lost, ${corrupt} corrupt, ${halfExports} half exports `),
});
process.stderr.write('\n');
console.log(JSON.stringify(result, null, 1));
rmSync(own, { recursive: true, force: true });
