/** Damaged files through the command line: each is a sample or an issue with a reason, and a second scan says the same. The benchmark `fuzz` does so with thousands. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { isForeign, passedOver, verdictsOf, writeFuzz, type FuzzScan } from '../fixtures/fuzz.ts';
import { temporaryFolder } from '../fixtures/images.ts';

test('200 damaged files have a verdict each, and the same one in a second scan', async () => {
  const folder = join(temporaryFolder('fuzz'), 'images');
  const made = writeFuzz(folder, 1, 200);
  const scan = async () =>
    verdictsOf(await winnowJson<FuzzScan>(['scan', folder, '--workspace', temporaryFolder('workspace')]));
  const first = await scan();
  expect(passedOver(folder, made.keys(), first)).toEqual([]);
  expect([...first].filter(([, verdict]) => isForeign(verdict))).toEqual([]);
  const read = [...first.values()].filter((verdict) => verdict.startsWith('ok'));
  expect([read.length, first.size - read.length].every((n) => n > 30)).toBe(true);
  expect(await scan()).toEqual(first);
});
