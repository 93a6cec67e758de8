/**
 * The boxes of HEIF files (HEIC, AVIF; ISO 14496-12, ISO 23008-12) and JPEG 2000 files (ISO 15444-1) that say how their pictures are meant: the colours of the primary
 * item, and the number of frames.
 */
import { largestOf } from '../contract/numbers.ts';
import type { Cicp } from './profile.ts';

export interface Box {
  kind: string;
  /** Without its header. */
  body: Buffer;
}

/** The boxes that lie one behind the other in `bytes`; a box that is cut short ends at the end of the bytes. */
export function* boxes(bytes: Buffer): Generator<Box> {
  for (let at = 0; at + 8 <= bytes.length;) {
    const short = bytes.readUInt32BE(at);
    if (short === 1 && at + 16 > bytes.length) return;
    const head = short === 1 ? 16 : 8;
    const length = short === 0 ? bytes.length - at : short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    if (length < head) return;
    yield { kind: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + head, at + length) };
    at += length;
  }
}

/** The body of the box at the end of a path of kinds, of which some have a version and flags in front; null if there is none. */
export function boxAt(bytes: Buffer, ...path: string[]): Buffer | null {
  let body: Buffer | undefined = bytes;
  for (const kind of path) {
    body = boxes(body).find((box) => box.kind === kind)?.body;
    if (!body) return null;
    if (kind === 'meta') body = body.subarray(4);
  }
  return body;
}

export interface HeifPicture {
  /** An embedded profile wins over code points. */
  icc?: Buffer;
  cicp?: Cicp;
  /** Per sample. */
  bits?: number;
}

/** What a HEIF file states about its primary item. Empty if nothing, or if the boxes are damaged. */
export function heifPicture(bytes: Buffer): HeifPicture {
  try {
    const meta = boxAt(bytes, 'meta');
    const item = meta && primaryItem(meta);
    if (!meta || item === null) return {};
    const [own, tile] = [pictureOf(meta, item), firstTile(meta, item)];
    if (tile === null) return own;
    const { bits, ...colour } = pictureOf(meta, tile);
    return { ...(own.icc || own.cicp ? {} : colour), ...own, bits: own.bits ?? bits };
  } catch (error) {
    if (error instanceof RangeError) return {};
    throw error;
  }
}

/** The pictures of an image sequence: the samples of its longest track. 0 if the file has none. */
export function heifFrames(bytes: Buffer): number {
  try {
    const tracks = boxes(boxAt(bytes, 'moov') ?? Buffer.alloc(0)).filter(({ kind }) => kind === 'trak');
    return largestOf(
      tracks.map(({ body }) => samplesOf(body)),
      0,
    );
  } catch (error) {
    if (error instanceof RangeError) return 0;
    throw error;
  }
}

function samplesOf(track: Buffer): number {
  const handler = boxAt(track, 'mdia', 'hdlr')?.toString('latin1', 8, 12);
  if (handler !== 'pict' && handler !== 'vide') return 0; // such as 'auxv', the transparency
  const table = boxAt(track, 'mdia', 'minf', 'stbl');
  return (table && (boxAt(table, 'stsz') ?? boxAt(table, 'stz2')))?.readUInt32BE(8) ?? 0;
}

function primaryItem(meta: Buffer): number | null {
  const pitm = boxAt(meta, 'pitm');
  return pitm && (pitm[0] === 0 ? pitm.readUInt16BE(4) : pitm.readUInt32BE(4));
}

/** The kind of the primary item, such as 'hvc1' or 'grid'; null if the boxes do not say it. */
export function heifKind(bytes: Buffer): string | null {
  try {
    const meta = boxAt(bytes, 'meta');
    const item = meta && primaryItem(meta);
    const entries = meta && boxAt(meta, 'iinf');
    if (!entries || item === null) return null;
    for (const { kind, body } of boxes(entries.subarray(entries[0] === 0 ? 6 : 8))) {
      const idBytes = body[0] === 2 ? 2 : 4;
      if (kind === 'infe' && body[0] >= 2 && body.readUIntBE(4, idBytes) === item)
        return body.toString('latin1', idBytes + 6, idBytes + 10);
    }
    return null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** The first image of a grid; null if the item is none. */
function firstTile(meta: Buffer, item: number): number | null {
  const iref = boxAt(meta, 'iref');
  if (!iref) return null;
  const idBytes = iref[0] === 0 ? 2 : 4;
  for (const { kind, body } of boxes(iref.subarray(4)))
    if (kind === 'dimg' && body.readUIntBE(0, idBytes) === item && body.readUInt16BE(idBytes) > 0)
      return body.readUIntBE(idBytes + 2, idBytes);
  return null;
}

/** What the properties of an item say. */
function pictureOf(meta: Buffer, item: number): HeifPicture {
  const properties = [...boxes(boxAt(meta, 'iprp', 'ipco') ?? Buffer.alloc(0))];
  const picture: HeifPicture = {};
  for (const index of propertiesOf(meta, item)) {
    const property = properties[index - 1] as Box | undefined;
    if (property?.kind === 'pixi') picture.bits ??= property.body[5];
    if (property?.kind === 'hvcC') picture.bits ??= (property.body[17] & 7) + 8;
    if (property?.kind !== 'colr') continue;
    const kind = property.body.toString('latin1', 0, 4);
    if (kind === 'prof' || kind === 'rICC') picture.icc ??= property.body.subarray(4);
    else if (kind === 'nclx')
      picture.cicp ??= { primaries: property.body.readUInt16BE(4), transfer: property.body.readUInt16BE(6) };
  }
  return picture;
}

/** The indices, from 1, of the properties of an item in 'ipco'. */
function propertiesOf(meta: Buffer, item: number): number[] {
  const ipma = boxAt(meta, 'iprp', 'ipma');
  if (!ipma) return [];
  const [idBytes, isWide] = [ipma[0] === 0 ? 2 : 4, (ipma[3] & 1) === 1];
  let at = 8;
  for (let left = ipma.readUInt32BE(4); left > 0; left--) {
    const id = ipma.readUIntBE(at, idBytes);
    const count = ipma[at + idBytes];
    at += idBytes + 1;
    if (id === item)
      return Array.from({ length: count }, (_, i) =>
        isWide ? ipma.readUInt16BE(at + i * 2) & 0x7fff : ipma[at + i] & 0x7f,
      );
    at += count * (isWide ? 2 : 1);
  }
  return [];
}
