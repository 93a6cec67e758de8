/** An engine killed in the middle of its work loses nothing that it confirmed. The bench does it 200 times. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { killRounds, seeded } from '../fixtures/kills.ts';

test('nine kills during scans, decisions and exports', async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 150; i++) files[`${i % 3}/blob-${i}.png`] = await blob(i);
  const own = temporaryFolder('kills');
  for (const name of ['data', 'work']) mkdirSync(join(own, name));
  const result = await killRounds(9, { folder: folderOf(files), data: join(own, 'data'), work: join(own, 'work'), random: seeded(7) });
  expect(result).toMatchObject({ kills: 9, lost: 0, corrupt: 0, halfExports: 0 });
  expect(result.decisions).toBeGreaterThan(20);
}, 120_000);
