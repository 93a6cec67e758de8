/** The header boxes of a JPEG 2000 file (ISO 15444-1, annex I) that say what its components mean: colour space or profile, palette, and the meaning of each channel. */
import { boxAt, boxes } from './boxes.ts';
import { corrupt, DecodeError, type Raw } from './raw.ts';

/** A component of the code stream: one value per pixel, interleaved with the others. */
export interface Components {
  /** All components of a pixel, then those of the next one. */
  values: Uint8Array | Uint16Array | Int8Array | Int16Array;
  width: number;
  height: number;
  /** Of each component. */
  bits: readonly number[];
  isSigned: boolean;
}

interface Header {
  /** Enumerated colour space; 0 if none is stated. */
  space: number;
  profile?: Uint8Array;
  palette: { columns: Uint16Array[]; bits: number[] } | null;
  map: { component: number; column: number | null }[] | null;
  /** By channel: its colour, from 0, 'alpha', or null. */
  meaning: Map<number, number | 'alpha' | null>;
}

const spaces = { cmyk: 12, srgb: 16, gray: 17, sycc: 18 } as const;

/** `file`: a file of boxes, or a code stream, which states nothing. Throws DecodeError. */
function readHeader(file: Buffer): Header {
  const header: Header = { space: 0, palette: null, map: null, meaning: new Map() };
  const jp2h = file[0] === 0 ? boxAt(file, 'jp2h') : null;
  let isStated = false;
  for (const { kind, body } of boxes(jp2h ?? Buffer.alloc(0))) {
    if (kind === 'colr' && !isStated) {
      const method = body[0];
      if (method === 1) header.space = body.readUInt32BE(3);
      else if (method === 2 || method === 3) header.profile = Uint8Array.from(body.subarray(3));
      isStated = method >= 1 && method <= 3;
    } else if (kind === 'pclr') header.palette = readPalette(body);
    else if (kind === 'cmap')
      header.map = Array.from({ length: body.length >> 2 }, (_, i) => ({
        component: body.readUInt16BE(i * 4),
        column: body[i * 4 + 2] === 1 ? body[i * 4 + 3] : null,
      }));
    else if (kind === 'cdef')
      for (let at = 2; at + 6 <= body.length; at += 6) {
        const [channel, type, to] = [body.readUInt16BE(at), body.readUInt16BE(at + 2), body.readUInt16BE(at + 4)];
        header.meaning.set(channel, type === 0 && to > 0 ? to - 1 : type === 1 || type === 2 ? 'alpha' : null);
      }
  }
  return header;
}

function readPalette(body: Buffer): Header['palette'] {
  const [entries, count] = [body.readUInt16BE(0), body[2]];
  const bits = Array.from({ length: count }, (_, i) => (body[3 + i] & 0x7f) + 1);
  const columns = bits.map(() => new Uint16Array(entries));
  for (let at = 3 + count, entry = 0; entry < entries; entry++)
    for (let column = 0; column < count; column++) {
      const size = bits[column] > 8 ? 2 : 1;
      columns[column][entry] = body.readUIntBE(at, size);
      at += size;
    }
  return { columns, bits };
}

/** Components with their meaning. Throws DecodeError if it is unknown to Winnow. */
export function withMeaning(file: Buffer, { values, width, height, bits, isSigned }: Components): Raw {
  const header = readFromBoxes(file);
  const channels = (header.palette && header.map) || bits.map((_, component) => ({ component, column: null }));
  const used = channels.map(({ component, column }, i) => ({
    component,
    palette: column === null ? null : header.palette?.columns[column],
    most: 2 ** (column === null ? bits[component] : (header.palette?.bits[column] ?? 8)) - 1,
    means: header.meaning.size > 0 ? (header.meaning.get(i) ?? null) : i,
  }));
  if (used.some(({ component, palette }) => component >= bits.length || palette === undefined))
    throw corrupt('a channel without a component');
  const colours = colourCount(header, used.filter(({ means }) => means !== 'alpha' && means !== null).length);
  const places = Array.from({ length: colours }, (_, colour) => used.find(({ means }) => means === colour));
  const alpha = used.find(
    ({ means, palette }, i) => means === 'alpha' || (!header.meaning.size && !palette && i === colours),
  );
  const isCmyk = colours === 4;
  const isExpanded = colours === 1 && alpha;
  const order = [...(isExpanded ? [places[0], places[0], places[0]] : places), ...(alpha && !isCmyk ? [alpha] : [])];
  const isDeep = used.some(({ most }) => most > 255);
  const [step, count] = [bits.length, width * height];
  const data = isDeep ? new Uint16Array(count * order.length) : new Uint8Array(count * order.length);
  const full = isDeep ? 65_535 : 255;
  order.forEach((channel, to) => {
    if (!channel) throw corrupt(`colour ${to + 1} has no channel`);
    const { component, palette, most } = channel;
    const [zero, scale] = [isSigned && !palette ? 2 ** (bits[component] - 1) : 0, full / most];
    for (let i = 0; i < count; i++) {
      const value = values[i * step + component];
      const level = palette ? palette[Math.min(value, palette.length - 1)] : value + zero;
      data[i * order.length + to] = Math.max(0, Math.min(full, Math.round(level * scale)));
    }
  });
  if (header.space === spaces.sycc && colours === 3) fromYcc(data, order.length, full);
  return {
    data,
    width,
    height,
    channels: order.length as 1 | 3 | 4,
    profile: header.profile,
    ...(isCmyk && { isCmyk }),
  };
}

/** Names the channels of a file by what its boxes say of them: '4 channels (RGB and transparency)'. Throws DecodeError. */
export function channelsInWords(file: Buffer, count: number): string {
  const { space, profile, meaning } = readFromBoxes(file);
  const stated = profile ? Buffer.from(profile).toString('latin1', 16, 20).trim() : '';
  const colours =
    stated === 'GRAY' || space === spaces.gray
      ? 'gray'
      : space === spaces.cmyk
        ? 'CMYK'
        : stated || (space ? 'RGB' : '');
  const names = [colours, [...meaning.values()].includes('alpha') && 'transparency'].filter(Boolean);
  return `${count} channels${names.length ? ` (${names.join(' and ')})` : ''}`;
}

function readFromBoxes(file: Buffer): Header {
  try {
    return readHeader(file);
  } catch (error) {
    if (error instanceof RangeError) throw corrupt('a header box ends early');
    throw error;
  }
}

/** The number of colours of a pixel. `channels`: those that may be colours. Throws DecodeError. */
function colourCount({ space, profile, meaning }: Header, channels: number): 1 | 3 | 4 {
  if (space && !Object.values<number>(spaces).includes(space))
    throw new DecodeError('unsupported-format', `Winnow does not read JPEG 2000 images in colour space ${space} yet.`);
  const kind = profile && Buffer.from(profile).toString('latin1', 16, 20);
  const known = kind
    ? { GRAY: 1, 'RGB ': 3, CMYK: 4 }[kind]
    : space
      ? ({ [spaces.cmyk]: 4, [spaces.gray]: 1 }[space] ?? 3)
      : channels < 3
        ? 1
        : 3;
  if (kind && !/^[\w ]{4}$/.test(kind)) throw corrupt('its profile is not valid');
  if (known === undefined)
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read JPEG 2000 images with a profile of ${kind?.trim()} yet.`,
    );
  // Without definitions, one more channel is taken as alpha.
  const most = meaning.size > 0 ? known : known === 4 ? 4 : known + 1;
  if (channels < known || channels > most)
    throw new DecodeError('unsupported-format', `Winnow does not read JPEG 2000 images with ${channels} channels.`);
  return known as 1 | 3 | 4;
}

/** sYCC (IEC 61966-2-1, annex G) to sRGB, in place. */
function fromYcc(data: Uint8Array | Uint16Array, step: number, full: number): void {
  const limit = (value: number) => Math.max(0, Math.min(full, Math.round(value)));
  const zero = (full + 1) / 2;
  for (let i = 0; i < data.length; i += step) {
    const [y, cb, cr] = [data[i], data[i + 1] - zero, data[i + 2] - zero];
    data[i] = limit(y + 1.402 * cr);
    data[i + 1] = limit(y - 0.344136 * cb - 0.714136 * cr);
    data[i + 2] = limit(y + 1.772 * cb);
  }
}
