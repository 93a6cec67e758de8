/**
 * The colours of a PNG that are not stated by an ICC profile: cICP, or gAMA and cHRM (PNG, third edition, 4.3). Precedence: cICP, iCCP, sRGB, gAMA with cHRM. The file gets
 * an iCCP chunk in memory, so that sharp converts it like every other image with a profile.
 */
import { crc32, deflateSync } from 'node:zlib';
import { profileOfCicp, profileOfGamma, type Primaries, type Stated } from './profile.ts';

const colourChunks: ReadonlySet<string> = new Set(['cICP', 'iCCP', 'sRGB', 'gAMA', 'cHRM']);

/** `png`: the file. The result is the same file if nothing is to be changed. */
export function withPngProfile(png: Buffer): { bytes: Buffer; notice?: string } {
  const found = new Map<string, Buffer>();
  const kept: Buffer[] = [];
  let at = 8;
  for (; at + 12 <= png.length;) {
    const [length, kind] = [png.readUInt32BE(at), png.toString('latin1', at + 4, at + 8)];
    if (kind === 'IDAT' || at + 12 + length > png.length) break;
    if (!colourChunks.has(kind)) kept.push(png.subarray(at, at + 12 + length));
    else if (!found.has(kind)) found.set(kind, png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const cicp = found.get('cICP');
  if (!cicp && (found.has('iCCP') || found.has('sRGB') || !(found.has('gAMA') || found.has('cHRM'))))
    return { bytes: png };
  const isGray = (png[25] & 2) === 0;
  const { profile, notice } = stated(found, isGray);
  if (!profile && !found.has('iCCP')) return { bytes: png, notice };
  const tag = profile
    ? [chunk('iCCP', Buffer.concat([Buffer.from('Winnow\0\0', 'latin1'), deflateSync(profile)]))]
    : [];
  const [header, ...others] = kept;
  return { bytes: Buffer.concat([png.subarray(0, 8), header, ...tag, ...others, png.subarray(at)]), notice };
}

function stated(chunks: ReadonlyMap<string, Buffer>, isGray: boolean): Stated {
  const cicp = chunks.get('cICP');
  if (cicp && cicp.length >= 4)
    return profileOfCicp({ primaries: cicp[0], transfer: cicp[1], isNarrow: cicp[3] === 0 }, isGray);
  const [gamma, space] = [chunks.get('gAMA'), chunks.get('cHRM')];
  const hundredThousandths = gamma && gamma.length >= 4 ? gamma.readUInt32BE(0) : 0;
  // White comes first in the chunk.
  const xy = (i: number) => (space as Buffer).readUInt32BE(i * 4) / 100_000;
  const primaries = space && space.length >= 32 ? ([2, 3, 4, 5, 6, 7, 0, 1].map(xy) as unknown as Primaries) : null;
  return { profile: profileOfGamma(primaries, hundredThousandths ? 100_000 / hundredThousandths : null, isGray) };
}

function chunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
