/**
 * OpenEXR: scene-linear colours of the data window. The header is read here, so that what the library would read wrongly or not at all is named: files of several
 * parts, deep files, B44 and HTJ2K, integer or subsampled channels, and colours in layers only.
 */
import parseExr from 'parse-exr';
import { linearToRaw } from './linear.ts';
import { checkSize, corrupt, DecodeError, need, truncated, type Raw } from './raw.ts';

const compressions = ['none', 'RLE', 'ZIPS', 'ZIP', 'PIZ', 'PXR24', 'B44', 'B44A', 'DWAA', 'DWAB', 'HTJ2K', 'HTJ2K32'];
const unreadCompressions = new Set(['B44', 'B44A', 'HTJ2K', 'HTJ2K32']);
const float = 1015;

interface Channel {
  name: string;
  /** 0: integer, 1: half, 2: float. */
  type: number;
  isWhole: boolean;
}
interface Header {
  attributes: Map<string, Buffer>;
  channels: Channel[];
  end: number;
}

const unread = (what: string) =>
  new DecodeError('unsupported-format', `Winnow does not read OpenEXR files with ${what}.`);

/** Throws DecodeError. */
export function decodeExr(bytes: Buffer): Raw {
  need(bytes, 8);
  const flags = bytes.readUInt32LE(4);
  if (flags & 0x1000) throw unread('several parts');
  if (flags & 0x800) throw unread('deep data');
  const { attributes, channels, end } = readHeader(bytes);
  const window = attributes.get('dataWindow');
  if (window?.length !== 16) throw corrupt('it has no data window');
  const [left, top, right, bottom] = [0, 4, 8, 12].map((at) => window.readInt32LE(at));
  const [width, height] = [right - left + 1, bottom - top + 1];
  checkSize(width, height);
  const compression = compressions[attributes.get('compression')?.[0] ?? -1];
  if (!compression) throw unread('an unknown compression');
  if (unreadCompressions.has(compression)) throw unread(`${compression} compression`);
  if (attributes.get('lineOrder')?.[0] === 1 && !(flags & 0x200)) throw unread('lines from the bottom up');
  if (channels.every(({ name }) => !name)) throw corrupt('it has no channels');
  const names = new Set(channels.map(({ name }) => name));
  const isColour = ['R', 'G', 'B'].every((name) => names.has(name));
  if (!isColour && (!names.has('Y') || names.has('RY')))
    throw unread(`the channels ${[...names].slice(0, 8).join(', ')} (it reads R, G, B, A and Y)`);
  const shown = channels.filter(({ name }) => (isColour ? ['R', 'G', 'B', 'A'] : ['Y']).includes(name));
  if (channels.some(({ type }) => type === 0) || new Set(shown.map(({ type }) => type)).size > 1)
    throw unread('integer channels or channels of several types');
  if (channels.some(({ isWhole }) => !isWhole)) throw unread('subsampled channels');
  // Even a line of zeros takes some bytes, and its block has an offset of 8 bytes.
  need(bytes, end + Math.ceil(height / 256));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  try {
    const { data } = parseExr(buffer, float);
    const step = isColour ? 4 : 1;
    const rows = new Float32Array(data.length);
    for (let y = 0; y < height; y++)
      rows.set(data.subarray(y * width * step, (y + 1) * width * step), (height - 1 - y) * width * step); // the library starts at the bottom
    const raw = linearToRaw(rows, width, height, step);
    return isColour && !names.has('A') ? { ...raw, data: withoutAlpha(raw.data as Uint8Array), channels: 3 } : raw;
  } catch (error) {
    if (error instanceof RangeError) throw truncated();
    throw error;
  }
}

function withoutAlpha(data: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((data.length / 4) * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) rgb.set(data.subarray(from, from + 3), to);
  return rgb;
}

/** Attributes: a name, a type, a size and a value each, up to an empty name. */
function readHeader(bytes: Buffer): Header {
  const attributes = new Map<string, Buffer>();
  let at = 8;
  const text = () => {
    const end = bytes.indexOf(0, at);
    if (end < 0) throw truncated();
    const word = bytes.toString('latin1', at, end);
    at = end + 1;
    return word;
  };
  for (let name = text(); name; name = text()) {
    text(); // the type
    need(bytes, at + 4);
    const size = bytes.readUInt32LE(at);
    need(bytes, at + 4 + size);
    attributes.set(name, bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return { attributes, channels: readChannels(attributes.get('channels') ?? Buffer.alloc(0)), end: at };
}

/** A channel: its name, type, flags and sampling along x and y. */
function readChannels(list: Buffer): Channel[] {
  const channels: Channel[] = [];
  for (let at = 0; at < list.length && list[at] !== 0;) {
    const end = list.indexOf(0, at);
    if (end < 0 || end + 17 > list.length) throw corrupt('its list of channels is cut');
    channels.push({
      name: list.toString('latin1', at, end),
      type: list.readUInt32LE(end + 1),
      isWhole: list.readUInt32LE(end + 9) === 1 && list.readUInt32LE(end + 13) === 1,
    });
    at = end + 17;
  }
  return channels;
}
