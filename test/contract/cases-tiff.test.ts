/** TIFF, depth maps and camera raw that once went wrong (`../shared/cases`): the command line reads them truly or names what it does not read, each time the same. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { thumbFile } from '../../src-main/image/thumb-file.ts';
import { type Case, caseInput, caseTest, hasCases, untried } from '../fixtures/cases.ts';
import { winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

interface Scan {
  samples: { path: string; width: number; height: number; frames: number; sha256: string }[];
  issues: { path: string; code: string; message: string }[];
}

async function scanned(folder: string) {
  const workspace = temporaryFolder('workspace');
  const { samples, issues } = await winnowJson<Scan>(['scan', folder, '--workspace', workspace]);
  /** The gray or colour at a fraction of the width and height of the thumbnail. */
  const colourOf = async (path: string, x: number, y = 0.5) => {
    const { sha256 } = samples.find((sample) => sample.path === path)!;
    const { data, info } = await sharp(thumbFile(workspace, sha256)).raw().toBuffer({ resolveWithObject: true });
    const at = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
    return [...data.subarray(at, at + 3)];
  };
  return { samples, issues, colourOf };
}
const inputOf = (number: Case<'tiff'>) => caseInput('tiff', number);
const near = (seen: number[], wanted: number[], what = '') =>
  seen.forEach((value, i) =>
    expect(Math.abs(value - wanted[i]), `${what}: ${seen} for ${wanted}`).toBeLessThanOrEqual(8),
  );
const fourths = [0.125, 0.375, 0.625, 0.875];
const colours = [
  [200, 60, 60],
  [60, 180, 60],
  [60, 60, 200],
  [230, 200, 40],
];

describe.skipIf(!hasCases)('cases', () => {
  test('depth maps of few values have different thumbnails', async () => {
    const { samples, colourOf } = await scanned(inputOf('14'));
    const seen = await Promise.all(
      samples.map(async ({ path }) =>
        JSON.stringify(await Promise.all(fourths.flatMap((x) => fourths.map((y) => colourOf(path, x, y))))),
      ),
    );
    expect(new Set(seen).size).toBe(4);
  });

  test('a thumbnail of another shape is not taken for the picture of a raw file', async () => {
    const { samples, issues } = await scanned(inputOf('15'));
    expect(samples).toEqual([]);
    expect(issues.map(({ code }) => code)).toEqual(new Array(3).fill('unsupported-format'));
    for (const { message } of issues) expect(message).toMatch(/does not read RAW files/);
  });

  test.each<[number: Case<'tiff'>, path: string, wanted: number[][]]>([
    ['16', 'rgb_nir.tif', colours],
    ['17', 'half.tif', [0, 64, 128, 255].map((v) => [v, v, v])],
    ['24', 'thumbfirst.tif', colours],
  ])('case %s', async (number, path, wanted) => {
    const { samples, colourOf } = await scanned(inputOf(number));
    expect(samples).toMatchObject([{ path, width: 256, height: 64 }]);
    for (const [i, x] of fourths.entries()) near(await colourOf(path, x), wanted[i], path);
  });

  test('signed integers have increasing levels', async () => {
    const { colourOf } = await scanned(inputOf('19'));
    for (const path of ['int16.tif', 'int8.tif'])
      for (const [i, level] of [0, 89.25, 153, 255].entries())
        near(await colourOf(path, fourths[i]), [level, level, level], path);
  });

  test('measurements are turned by their orientation', async () => {
    const { samples } = await scanned(inputOf('23'));
    expect(samples.map(({ width, height }) => [width, height])).toEqual([
      [40, 80],
      [40, 80],
    ]);
  });

  test('compressions are read or named, the same each time, beside damaged files', async () => {
    const folder = join(temporaryFolder('packing'), 'in');
    mkdirSync(folder);
    cpSync(inputOf('21'), folder, { recursive: true });
    const plain = readFileSync(join(inputOf('24'), 'thumbfirst.tif'));
    writeFileSync(join(folder, 'cut.tif'), plain.subarray(0, plain.length - 5000));
    writeFileSync(
      join(folder, 'spoilt.tif'),
      Buffer.from([...plain.subarray(0, 4), 0xff, 0xff, 0xff, 0x7f, ...plain.subarray(8)]),
    );
    const runs = [await scanned(folder), await scanned(folder)];
    for (const { samples, issues, colourOf } of runs) {
      expect(issues).toEqual(runs[0].issues);
      const named = (path: string) => issues.find((issue) => issue.path === path);
      expect(named('comp_jpegxl.tif')).toMatchObject({
        code: 'unsupported-format',
        message: 'Winnow does not read TIFF with JPEG XL compression yet.',
      });
      expect(named('comp_lzma.tif')).toMatchObject({
        code: 'unsupported-format',
        message: 'Winnow does not read TIFF with LZMA compression yet.',
      });
      expect(named('cut.tif')?.code).toBe('truncated');
      expect(named('spoilt.tif')?.code).toBe('truncated');
      expect(samples.map(({ path }) => path).sort()).toEqual([
        'band5.tif',
        'comp_jpeg2000.tif',
        'comp_lerc.tif',
        'comp_zstd.tif',
        'lab.tif',
      ]);
      for (const { path } of samples)
        for (const [i, x] of fourths.entries()) near(await colourOf(path, x), colours[i], path);
    }
  });
});

caseTest('each case of this topic is tried', () => {
  expect(untried('tiff')).toEqual([]);
});
