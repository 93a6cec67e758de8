/** Whatever is killed during its work, confirmed edits are kept and unfinished results are never shown as finished. The benchmark does this 200 times. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { killRounds, seeded } from '../fixtures/kills.ts';

test('twenty kills of engine, compute process and command, during scans, rankings, trainings, labels, exports and decisions', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 24; i++) files[`${i % 3}/blob-${i}.png`] = await blob(i);
  const own = temporaryFolder('kills');
  for (const name of ['data', 'work']) mkdirSync(join(own, name));
  const result = await killRounds(20, {
    folder: folderOf(files),
    data: join(own, 'data'),
    work: join(own, 'work'),
    random: seeded(7),
  });
  expect(result).toMatchObject({ kills: 20, lost: 0, corrupt: 0, half: [], unfinished: [] });
  expect(result.decisions).toBeGreaterThan(20);
  expect(result.withCheckpoint).toBeGreaterThan(0);
  expect(result.resumed).toBe(result.withCheckpoint);
}, 240_000);
