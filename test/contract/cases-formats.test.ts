/** Inputs that once went wrong: formats that were passed over, and SVG that XML allows. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import { type Case, caseInput, caseTest, untried } from '../fixtures/cases.ts';
import { winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

interface Scanned {
  samples: { path: string; width: number; height: number; sha256: string; values: unknown }[];
  issues: { path: string; code: string; message: string }[];
}

/** Scans a copy of a case; the workspace keeps its thumbnails. */
async function scanCase(number: Case<'formats'>) {
  const [folder, workspace] = [caseInput('formats', number), temporaryFolder('workspace')];
  const { samples, issues } = await winnowJson<Scanned>(['scan', folder, '--workspace', workspace]);
  const thumb = (path: string) => {
    const { sha256 } = samples.find((sample) => sample.path === path) as Scanned['samples'][0];
    return readFileSync(join(workspace, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`));
  };
  return { samples, issues, thumb };
}

caseTest('SVG with a namespace prefix, in UTF-16, and with a processing instruction is drawn', async () => {
  const { samples, issues, thumb } = await scanCase('26');
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

caseTest('DICOM, FITS, Radiance HDR, PFM, RAF and JPEG XR: each is a sample or named with the reason', async () => {
  const { samples, issues } = await scanCase('43');
  const listed = [...samples, ...issues].map(({ path }) => path).sort();
  expect(listed).toEqual(['f.pfm', 'img.fits', 'r.hdr', 'r.jxr', 'r.raf', 'scan.dcm']);
  const messages = Object.fromEntries(issues.map(({ path, code, message }) => [path, `${code}: ${message}`]));
  expect(messages).toMatchObject({
    'img.fits': 'unsupported-format: Winnow does not read FITS files yet.',
    'r.jxr': 'unsupported-format: Winnow does not read JPEG XR files yet.',
  });
});

caseTest('AppleDouble files of macOS are passed over; short files of such a name are issues', async () => {
  const { samples, issues } = await scanCase('35');
  expect(samples.map(({ path }) => path)).toEqual(['cat/0.png']);
  expect(issues.map(({ path, code }) => [path, code]).sort()).toEqual([
    ['cat/._1.png', 'empty'],
    ['cat/._2.png', 'not-an-image'],
  ]);
});

caseTest('each case of this topic is tried', () => {
  expect(untried('formats')).toEqual([]);
});
