/** Inputs that once went wrong: formats that were passed over, and SVG that XML allows. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { sharedData, temporaryFolder } from '../fixtures/images.ts';

interface Scanned {
  samples: { path: string; width: number; height: number; sha256: string; values: unknown }[];
  issues: { path: string; code: string; message: string }[];
}

/** Scans a copy of a case; the workspace keeps its thumbnails. */
async function scanCase(name: string) {
  const [folder, workspace] = [temporaryFolder('case'), temporaryFolder('workspace')];
  cpSync(join(sharedData, '..', 'cases', name, 'in'), folder, { recursive: true });
  const { samples, issues } = await winnowJson<Scanned>(['scan', folder, '--workspace', workspace]);
  const thumb = (path: string) => {
    const { sha256 } = samples.find((sample) => sample.path === path) as Scanned['samples'][0];
    return readFileSync(join(workspace, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`));
  };
  return { samples, issues, thumb };
}

test('SVG with a namespace prefix, in UTF-16, and with a processing instruction is drawn', async () => {
  const { samples, issues, thumb } = await scanCase('26-svg-prefix-utf16-pi');
  expect(issues).toEqual([]);
  expect(samples.map(({ path, width, height }) => [path, width, height])).toEqual([
    ['pi.svg', 1024, 512],
    ['prefix.svg', 1024, 512],
    ['utf16.svg', 1024, 512],
  ]);
  for (const { path } of samples) {
    const { data, info } = await sharp(thumb(path)).raw().toBuffer({ resolveWithObject: true });
    const at = (x: number) => [...data.subarray((64 * info.width + x) * 3, (64 * info.width + x) * 3 + 3)];
    expect([info.width, info.height]).toEqual([256, 128]);
    [0xc8, 0x3c, 0x3c].forEach((value, c) => expect(Math.abs(at(64)[c] - value)).toBeLessThanOrEqual(8));
    [0x3c, 0xb4, 0x3c].forEach((value, c) => expect(Math.abs(at(192)[c] - value)).toBeLessThanOrEqual(8));
  }
});

test('DICOM, FITS, Radiance HDR, PFM, RAF and JPEG XR: each is a sample or named with the reason', async () => {
  const { samples, issues } = await scanCase('43-dicom-fits-absent');
  const listed = [...samples, ...issues].map(({ path }) => path).sort();
  expect(listed).toEqual(['f.pfm', 'img.fits', 'r.hdr', 'r.jxr', 'r.raf', 'scan.dcm']);
  const messages = Object.fromEntries(issues.map(({ path, code, message }) => [path, `${code}: ${message}`]));
  expect(messages).toMatchObject({
    'img.fits': 'unsupported-format: Winnow does not read FITS files yet.',
    'r.jxr': 'unsupported-format: Winnow does not read JPEG XR files yet.',
  });
});

test('AppleDouble files of macOS are passed over; short files of such a name are issues', async () => {
  const { samples, issues } = await scanCase('35-appledouble-short');
  expect(samples.map(({ path }) => path)).toEqual(['cat/0.png']);
  expect(issues.map(({ path, code }) => [path, code]).sort()).toEqual([
    ['cat/._1.png', 'empty'],
    ['cat/._2.png', 'not-an-image'],
  ]);
});
