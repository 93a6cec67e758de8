/** Files that look alike in a lossy view and are not the same: transparency, further frames, depth, a small area. None is rejected in bulk. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src-main/image/decode.ts';
import { caseInput, caseTest, hasCases, untried } from '../fixtures/cases.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { folderOf, temporaryFolder } from '../fixtures/images.ts';

interface Group {
  id: number;
  kind: string;
  paths: string[];
  differences: string[];
}
const env = { WINNOW_DATA: temporaryFolder('data') };
const groupsOf = async (folder: string) => (await winnowJson<{ groups: Group[] }>(['duplicates', folder], env)).groups;

/** Scans, keeps the best, and returns the groups and the rejected paths. */
async function keepBest(folder: string) {
  await winnowJson(['scan', folder], env);
  const groups = await groupsOf(folder);
  await winnowJson(['duplicates', folder, '--keep-best', 'largest'], env);
  const rejected = await winnowJson<{ samples: { path: string }[] }>(
    ['show', folder, '--where', "decision = 'reject'"],
    env,
  );
  return { groups, rejected: rejected.samples.map(({ path }) => path) };
}
const exact = (groups: readonly Group[]) => groups.filter(({ kind }) => kind === 'exact').map(({ paths }) => paths);

describe.skipIf(!hasCases)('not duplicates', () => {
  test('white and black drawings on transparency', async () => {
    const { groups, rejected } = await keepBest(caseInput('duplicates', '11'));
    expect(groups).toEqual([]);
    expect(rejected).toEqual([]);
  });

  test('animations with the same first frame, and a still image of it', async () => {
    const { groups, rejected } = await keepBest(caseInput('duplicates', '12'));
    expect(exact(groups)).toEqual([]);
    expect(rejected).toEqual([]);
    for (const { differences } of groups) expect(differences).toContain('frames');
  });

  test('depth images whose values are all below 256 of 65,536', async () => {
    const { groups, rejected } = await keepBest(caseInput('duplicates', '14'));
    expect(exact(groups)).toEqual([]);
    expect(rejected).toEqual([]);
  });
});

/** A page of text lines, 1280 × 800; `number` stands in one place. */
const screenshot = (number: number, shade = '#fff') =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="800"><rect width="1280" height="800" fill="${shade}"/>
       <rect width="1280" height="60" fill="#345"/><g font-family="sans-serif" font-size="16">${Array.from(
         { length: 24 },
         (_, i) =>
           `<text x="40" y="${110 + i * 28}">Measurement ${i * 37} of the line, accepted by the operator at 10:${10 + i}</text>`,
       ).join('')}<text x="900" y="110">Total ${number}</text></g></svg>`,
    ),
  );

describe('look alike', () => {
  test('TIFFs with the same red, green and blue and another infrared band', async () => {
    const file = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tiff', 'rgb-infrared.tif'));
    const other = Buffer.from(file);
    other[other.length - 1] ^= 64; // the last sample of the last pixel
    const { groups, rejected } = await keepBest(folderOf({ 'a.tif': file, 'b.tif': other }));
    expect(exact(groups)).toEqual([]);
    expect(rejected).toEqual([]);
    for (const { differences } of groups) expect(differences).toContain('hidden');
  });

  const formats = join(import.meta.dirname, '..', 'fixtures', 'formats');
  test('DICOM files that differ outside of the window, and OpenEXR files: near, and left to a person', async () => {
    const file = readFileSync(join(formats, 'window.dcm'));
    const other = Buffer.from(file);
    other[other.length - 2] ^= 1; // the last value, which is white in both
    const exr = (name: string) => readFileSync(join(formats, `${name}-half.exr`));
    for (const files of [
      { 'a.dcm': file, 'b.dcm': other },
      { 'a.exr': exr('none'), 'b.exr': exr('zip') },
    ] as Record<string, Buffer>[]) {
      const { groups, rejected } = await keepBest(folderOf(files));
      expect(groups).toMatchObject([{ kind: 'near', differences: ['hidden'] }]);
      expect(rejected).toEqual([]);
    }
  });

  test('JPEG XL and a PNG of it, and a drawing packed again: near copies, with no false difference', async () => {
    const jxl = readFileSync(join(formats, 'rgba.jxl'));
    const image = await openImage(jxl, 'a.jxl');
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="40" height="30" fill="#c33"/><circle cx="44" cy="30" r="14" fill="#36c"/></svg>',
    );
    const png = await (await image.standard()).png().toBuffer();
    for (const files of [
      { 'a.jxl': jxl, 'a.png': png },
      { 'a.svg': svg, 'a.svgz': gzipSync(svg) },
    ] as Record<string, Buffer>[]) {
      const { groups, rejected } = await keepBest(folderOf(files));
      expect(groups).toMatchObject([{ kind: 'near', differences: [] }]);
      expect(rejected).toHaveLength(1);
    }
  });

  test('screenshots that differ in one number: near, with the reason, and left out of the bulk', async () => {
    const folder = folderOf({
      'a.png': await screenshot(128).png().toBuffer(),
      'b.png': await screenshot(731).png().toBuffer(),
    });
    const { groups, rejected } = await keepBest(folder);
    expect(groups).toMatchObject([{ kind: 'near', differences: ['detail'] }]);
    expect(rejected).toEqual([]);
    const { err } = await winnow(['duplicates', folder, '--keep-best', 'largest', '--dry-run'], env);
    expect(err).toContain('a small area differs');
    await winnowJson(['duplicates', folder, '--keep-best', 'largest', '--group', String(groups[0].id)], env);
    expect(
      (await winnowJson<{ matching: number }>(['show', folder, '--where', "decision = 'reject'"], env)).matching,
    ).toBe(1);
  });

  test('the same screenshot encoded again and resized is a copy', async () => {
    const folder = folderOf({
      'a.png': await screenshot(128).png().toBuffer(),
      'b.jpg': await screenshot(128).jpeg({ quality: 70 }).toBuffer(),
      'c.png': await screenshot(128).resize(960).png().toBuffer(),
    });
    const { groups, rejected } = await keepBest(folder);
    expect(groups).toMatchObject([{ kind: 'near', differences: [] }]);
    expect(rejected).toHaveLength(2);
  });

  test('an image with transparency and one without, or with other bits per sample', async () => {
    const photo = sharp(
      Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => ((i * 7) ^ (i >> 5)) & 255),
      {
        raw: { width: 96, height: 96, channels: 3 },
      },
    ).blur(3);
    const opaque = await photo.png().toBuffer();
    const hole = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" fill="#fff"/></svg>',
    );
    const veiled = await sharp(opaque).ensureAlpha(0.999).png().toBuffer();
    const deep = await sharp(opaque).toColourspace('rgb16').linear(1.0005).png().toBuffer();
    const folder = folderOf({ 'opaque.png': opaque, 'veiled.png': veiled, 'deep.png': deep, 'hole.svg': hole });
    const { groups, rejected } = await keepBest(folder);
    expect(exact(groups)).toEqual([]);
    expect(rejected).toEqual([]);
    expect(groups.find(({ kind }) => kind === 'near')?.differences).toEqual(expect.arrayContaining(['transparency']));
  });

  test('pages of a document that begin with the same page', async () => {
    const page = (level: number) => Buffer.alloc(64 * 64 * 3, level);
    const tall = (levels: number[]) =>
      sharp(Buffer.concat(levels.map(page)), {
        raw: { width: 64, height: 64 * levels.length, channels: 3, pageHeight: 64 },
      });
    const folder = folderOf({
      'a.gif': await tall([10, 80]).gif().toBuffer(),
      'b.gif': await tall([10, 160]).gif().toBuffer(),
      'a-again.webp': await tall([10, 80]).webp({ lossless: true }).toBuffer(),
    });
    const { groups, rejected } = await keepBest(folder);
    expect(exact(groups).map((paths) => paths.toSorted())).toEqual([['a-again.webp', 'a.gif']]);
    expect(rejected).toHaveLength(1);
    expect(readdirSync(folder)).toHaveLength(3);
  });
});

caseTest('each case of this topic is tried', () => {
  expect(untried('duplicates')).toEqual([]);
});
