/** Exports of images with unusual names: in every format and placement, the files can be read back to the same images. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { beforeAll, expect, test } from 'vitest';
import { choiceOf, readList } from '../../src-main/command/choose.ts';
import { exportSchema, type ExportRequest } from '../../src-main/contract/schemas.ts';
import type { Client } from '../../src-main/door/client.ts';
import { formats } from '../../src-main/export/index.ts';
import { importMarks } from '../../src-main/workspace/import.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended, openWorkspace, scanned } from '../fixtures/workspace.ts';

const names = [
  'two\nlines.png',
  '=1+1.png',
  '@x.png',
  '-1.png',
  '+a.png',
  '\ttab.png',
  '"quoted".png',
  "it's; a, b.png",
  ' blank.png',
  '\u001b]0;x\u0007.png',
  '\u202egnp.png',
  '\rreturn.png',
];
let folder: string;
let at: string;
beforeAll(async () => {
  const files: Record<string, Buffer> = {};
  for (const [i, name] of names.entries()) files[`=class/${name}`] = await blob(i);
  folder = folderOf(files);
  at = temporaryFolder('workspace');
});

async function exported(workspace: OpenWorkspace, request: Partial<ExportRequest>): Promise<string> {
  const to = join(temporaryFolder('export'), 'out');
  expect(
    (await ended(workspace, workspace.calls.exports.start(exportSchema.parse({ ...request, to })))).error,
  ).toBeNull();
  return to;
}

test('every format, copied or listed', async () => {
  const workspace = await scanned(openWorkspace(folder, at));
  const samples = workspace.table.samples();
  expect(samples).toHaveLength(names.length);
  for (const { id: format } of formats) {
    for (const place of ['copy', 'list'] as const) {
      const to = await exported(workspace, { format, place });
      for (const manifest of ['manifest.csv', 'manifest.json']) {
        expect((await importMarks(join(to, manifest), samples)).result, `${format} ${place} ${manifest}`).toMatchObject(
          { rows: names.length, matched: names.length },
        );
      }
      const rows = parse<Record<string, string>>(readFileSync(join(to, 'manifest.csv')), {
        columns: true,
        trim: false,
      });
      expect(rows.map(({ original }) => original).sort()).toEqual(samples.map(({ path }) => path).sort());
      if (place === 'copy') for (const { path } of rows) expect(readFileSync(join(to, path)).length).toBeGreaterThan(0);
    }
  }
});

test('a list of paths selects exactly its images', async () => {
  const workspace = await scanned(openWorkspace(folder, at));
  const samples = workspace.table.samples();
  const to = await exported(workspace, { place: 'list' });
  const listed = await readList({ from: join(to, 'files.txt') });
  expect(listed?.sort()).toEqual(samples.map(({ path }) => join(folder, path)).sort());
  expect(await choiceOf({ folder } as Client, samples, [], listed, {})).toEqual({
    ids: expect.arrayContaining(samples.map(({ id }) => id)),
  });
  expect(readdirSync(to).sort()).toEqual(['files.txt', 'manifest.csv', 'manifest.json']);
});

test('in CSV files for spreadsheets no text starts like a formula, and numbers stay numbers; in other CSV files texts are unchanged', async () => {
  const workspace = await scanned(openWorkspace(folder, at));
  workspace.calls.journal.edit({ choice: { paths: ['=class/-1.png'] }, change: { decision: 'keep', note: '=cmd|x' } });
  const cells = async (safeForSpreadsheets: boolean) => {
    const to = await exported(workspace, { format: 'csv', safeForSpreadsheets });
    return ['labels.csv', 'manifest.csv'].flatMap((name) => parse(readFileSync(join(to, name))).flat());
  };
  const formula = /^[=+\-@\t\r]/;
  const [plain, safe] = [await cells(false), await cells(true)];
  expect(plain.filter((cell) => formula.test(cell))).toEqual(expect.arrayContaining(['=class', '=cmd|x']));
  expect(safe.filter((cell) => formula.test(cell) && Number.isNaN(Number(cell)))).toEqual([]);
  expect(safe).toEqual(plain.map((cell) => (formula.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell)));
});
