/** The plane of stacks is chosen for a folder: its images are read again, the choice is remembered, and nothing of another plane remains. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readThumb } from '../../src-main/image/pixels.ts';
import { thumbFile } from '../../src-main/image/thumb-file.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';

interface Scan {
  samples: {
    path: string;
    notice: string | null;
    sha256: string;
    brightness: number;
    values: { high: number } | null;
  }[];
}

async function stacks(): Promise<string> {
  const folder = folderOf({ 'plain.png': await blob(1) });
  const pictures = join(import.meta.dirname, '..', 'fixtures', 'tiff-pictures');
  mkdirSync(join(folder, 'cells'));
  for (const name of ['stack.ome.tif', 'stack-imagej.tif', 'three-pages.tif'])
    cpSync(join(pictures, name), join(folder, 'cells', name));
  return folder;
}

test('a scan shows another plane of all stacks, and remembers it', async () => {
  const [folder, workspace] = [await stacks(), temporaryFolder('workspace')];
  const scan = async (...options: string[]) => {
    const { samples } = await winnowJson<Scan>(['scan', folder, '--workspace', workspace, ...options]);
    const seen = await Promise.all(
      samples.map(async ({ path, notice, sha256 }) => {
        const { data, channels } = await readThumb(thumbFile(workspace, sha256));
        return [
          path.split('/').at(-1),
          notice,
          path.includes('stack') ? [data[0], data[31 * channels]] : null,
        ] as const;
      }),
    );
    return seen.toSorted(([a], [b]) => (a! < b! ? -1 : 1));
  };
  const near = (left: number, right: number) => [expect.closeTo(left, -0.7), expect.closeTo(right, -0.7)];
  expect(await scan()).toEqual([
    ['plain.png', null, null],
    ['stack-imagej.tif', 'channel 1 of 2, z 1 of 3', near(100, 200)],
    ['stack.ome.tif', 'channel 1 of 2, z 1 of 3', near(100, 200)],
    ['three-pages.tif', 'page 1 of 3', null],
  ]);
  const chosen = [
    ['plain.png', null, null],
    ['stack-imagej.tif', 'channel 2 of 2, z 3 of 3', near(105, 205)],
    ['stack.ome.tif', 'channel 2 of 2, z 3 of 3', near(105, 205)],
    ['three-pages.tif', 'page 2 of 3', null],
  ];
  expect(await scan('--plane', 'channel=2, z=3, page=2')).toEqual(chosen);
  expect(await scan()).toEqual(chosen);
});

test('a scan tells which places of a plane the stacks do not have', async () => {
  const [folder, workspace] = [await stacks(), temporaryFolder('workspace')];
  const told = async (plane: string) =>
    (await winnow(['scan', folder, '--workspace', workspace, '--plane', plane])).err
      .split('\n')
      .filter((line) => line.includes('stack'));
  expect(await told('z=3')).toEqual([]);
  expect(await told('z=4,time=2,page=9')).toEqual([
    '2 stacks with fewer than 4 z planes: the last is shown.',
    'No stack in this folder has several time points.',
    '1 stack with fewer than 9 pages: the last is shown.',
  ]);
});

test.each(['depth=2', 'z=0', 'z', 'z=1,z=2', ''])('--plane ‘%s’ is refused', async (plane) => {
  const { code, err } = await winnow(['scan', temporaryFolder('empty'), '--plane', plane]);
  expect(code).toBe(2);
  expect(err).toContain('Expected places along channel, z, time, page, such as channel=2,z=5.');
});
