/** Inputs that once went wrong: colours that are stated otherwise than by a profile, the image that a file means, its frames and its orientation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import { type Case, caseInput, caseTest, untried } from '../fixtures/cases.ts';
import { winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

interface Scanned {
  samples: { path: string; width: number; height: number; frames: number; sha256: string; checks: Checks }[];
  issues: { path: string; code: string; message: string }[];
}
type Checks = Record<string, { flagged: boolean }>;
type Colour = readonly [number, number, number];

/** Scans a copy of a case; `colours` reads the thumbnail of a sample at `points` (x and y as fractions). */
async function scanCase(number: Case<'colour'>) {
  const [folder, workspace] = [caseInput('colour', number), temporaryFolder('workspace')];
  const { samples, issues } = await winnowJson<Scanned>(['scan', folder, '--workspace', workspace]);
  const colours = async (path: string, points: readonly [x: number, y: number][]) => {
    const { sha256 } = samples.find((sample) => sample.path === path) as Scanned['samples'][0];
    const file = join(workspace, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`);
    const { data, info } = await sharp(readFileSync(file)).raw().toBuffer({ resolveWithObject: true });
    return points.map(([x, y]) => {
      const at = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * 3;
      return [...data.subarray(at, at + 3)];
    });
  };
  return { samples, issues, colours };
}

/** The centres of four columns. */
const columns = [0.125, 0.375, 0.625, 0.875].map((x) => [x, 0.5] as [number, number]);
const near = (found: number[][], expected: readonly Colour[]) => {
  expect(found.length).toBe(expected.length);
  const far = Math.max(...found.flatMap((colour, i) => colour.map((value, c) => Math.abs(value - expected[i][c]))));
  expect(far, `${JSON.stringify(found)} for ${JSON.stringify(expected)}`).toBeLessThanOrEqual(8);
};

const fromP3: Colour[] = [
  [217, 42, 52],
  [0, 183, 30],
  [60, 60, 208],
  [236, 199, 0],
];
const fromAdobe: Colour[] = [
  [231, 57, 57],
  [0, 181, 42],
  [57, 57, 205],
  [241, 201, 0],
];
const unchanged: Colour[] = [
  [200, 60, 60],
  [60, 180, 60],
  [60, 60, 200],
  [230, 200, 40],
];
/** Linear light as sRGB. */
const fromLinear: Colour[] = [
  [229, 133, 133],
  [133, 219, 133],
  [133, 133, 229],
  [244, 229, 110],
];
caseTest.for<[number: Case<'colour'>, colours: Record<string, Colour[]>]>([
  ['03', { 'icc_P3.heic': fromP3 }],
  ['04', { 'icc_AdobeRGB1998.jp2': fromAdobe }],
  ['06', { 'srgb16.png': unchanged, 'srgb16.tif': unchanged }],
  ['08', { 'multi_primary2.heic': new Array<Colour>(4).fill([0, 180, 0]) }],
  ['09', { 'nclx_p3.avif': fromP3, 'nclx_p3.heic': fromP3 }],
  ['10', { 'cicp_p3.png': fromP3, 'gama1.png': fromLinear }],
  ['36', { 'reserved.bmp': unchanged }],
])('case %s: colours are brought to sRGB', async ([number, expected]) => {
  const { samples, issues, colours } = await scanCase(number);
  expect(issues).toEqual([]);
  expect(samples.map(({ path }) => path).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [path, colour] of Object.entries(expected)) near(await colours(path, columns), colour);
});

caseTest('an animation has all its frames and is flagged, as PNG, GIF and WebP', async () => {
  const { samples, issues } = await scanCase('38');
  expect(issues).toEqual([]);
  expect(samples.map(({ path, frames, checks }) => [path, frames, checks.animated.flagged]).toSorted()).toEqual([
    ['anim.gif', 3, true],
    ['anim.png', 3, true],
    ['anim.webp', 3, true],
  ]);
});

caseTest('the part of a GIF that its first frame leaves empty is white', async () => {
  const { issues, colours } = await scanCase('39');
  expect(issues).toEqual([]);
  near(await colours('partial.gif', columns), [
    [255, 255, 255],
    [255, 255, 255],
    [200, 0, 0],
    [200, 0, 0],
  ]);
});

caseTest('the orientation in EXIF counts wherever it stands in a JPEG', async () => {
  const { samples, issues } = await scanCase('40');
  expect(issues).toEqual([]);
  expect(samples.map(({ path, width, height }) => [path, width, height]).toSorted()).toEqual([
    ['exifaftersof.jpg', 60, 120],
    ['exiflate.jpg', 60, 120],
    ['xmpfirst.jpg', 60, 120],
  ]);
});

caseTest('a JPEG of 12 bits is named as a kind that is not read', async () => {
  const { samples, issues } = await scanCase('42');
  expect(samples).toEqual([]);
  expect(issues).toMatchObject([
    { path: 'jpeg12.jpg', code: 'unsupported-format', message: 'Winnow does not read 12-bit JPEG files yet.' },
  ]);
});

caseTest('each case of this topic is tried', () => {
  expect(untried('colour')).toEqual([]);
});
