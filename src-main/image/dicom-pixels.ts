/** The values of the first frame of a DICOM file, native or compressed. */
import type { DataSet } from 'dicom-parser';
import lossless from 'jpeg-lossless-decoder-js';
import { decodeWith, interleave, type CodecName } from './codecs.ts';
import { corrupt, DecodeError, truncated } from './raw.ts';

export interface FrameValues {
  /** Channels interleaved, without the unused bits. */
  values: Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;
  channels: number;
  /** Used bits per value. */
  bits: number;
  isSigned: boolean;
  /** The decoder has converted to RGB. */
  isRgb: boolean;
}

interface Layout {
  width: number;
  height: number;
  channels: number;
  frames: number;
  photometric: string;
}

const uid = '1.2.840.10008.1.2';
const codecOf: Record<string, CodecName> = {
  [`${uid}.4.50`]: 'JPEG',
  [`${uid}.4.51`]: 'JPEG',
  [`${uid}.4.80`]: 'JPEG-LS',
  [`${uid}.4.81`]: 'JPEG-LS',
  [`${uid}.4.90`]: 'JPEG 2000',
  [`${uid}.4.91`]: 'JPEG 2000',
  [`${uid}.4.201`]: 'JPEG 2000',
  [`${uid}.4.202`]: 'JPEG 2000',
  [`${uid}.4.203`]: 'JPEG 2000',
};
const losslessJpeg = new Set([`${uid}.4.57`, `${uid}.4.70`]);
const rle = `${uid}.5`;
const bigEndian = `${uid}.2`;
const native = new Set([uid, `${uid}.1`, `${uid}.1.99`, bigEndian]);

export const unread = (what: string) =>
  new DecodeError('unsupported-format', `Winnow does not read DICOM files with ${what}.`);

/** Throws DecodeError. */
export async function frameValues(set: DataSet, layout: Layout): Promise<FrameValues> {
  const syntax = set.string('x00020010')?.trim() ?? uid;
  if (!/^[\d.]+$/.test(syntax)) throw corrupt('its transfer syntax is not valid');
  const [allocated, stored] = [set.uint16('x00280100') ?? 8, set.uint16('x00280101') ?? set.uint16('x00280100') ?? 8];
  const high = set.uint16('x00280102') ?? stored - 1;
  const isSigned = set.uint16('x00280103') === 1;
  if (![1, 8, 16, 32].includes(allocated) || stored > allocated || stored < 1)
    throw unread(`${stored} of ${allocated} bits per value`);
  const common = { channels: layout.channels, bits: stored, isSigned, isRgb: false };
  const element = set.elements.x7fe00010;
  if (!element.encapsulatedPixelData) {
    if (!native.has(syntax) && syntax !== `${uid}.1.99`) throw unread(`the transfer syntax ${syntax}`);
    const bytes = set.byteArray.subarray(element.dataOffset, element.dataOffset + element.length);
    return {
      ...common,
      values: used(
        nativeValues(bytes, layout, allocated, syntax === bigEndian, set.uint16('x00280006') === 1),
        stored,
        high,
        isSigned,
      ),
    };
  }
  const frame = firstFragments(set, layout.frames);
  if (syntax === rle) return { ...common, values: used(unpackRle(frame, layout, allocated), stored, high, isSigned) };
  const count = layout.width * layout.height * layout.channels;
  if (losslessJpeg.has(syntax)) {
    const bytes = allocated > 8 ? 2 : 1;
    const decoded = decodeLossless(frame, bytes);
    const values = bytes === 2 ? new Uint16Array(decoded) : new Uint8Array(decoded);
    if (values.length < count) throw truncated();
    return { ...common, values: used(values.subarray(0, count), stored, high, isSigned), isRgb: false };
  }
  const codec = codecOf[syntax];
  if (!codec) throw unread(/\.4\.10\d/.test(syntax) ? 'a video' : `the compression ${syntax}`);
  if (codec === 'JPEG' && jpegBits(frame) !== 8) throw unread(`JPEG of ${jpegBits(frame)} bits`);
  const decoded = await decodeWith(codec, frame);
  if (decoded.width !== layout.width || decoded.height !== layout.height || decoded.channels !== layout.channels)
    throw corrupt('its frame has another size than its header says');
  const hasSign = decoded.data instanceof Int16Array || decoded.data instanceof Int8Array;
  return {
    ...common,
    bits: codec === 'JPEG' ? 8 : stored,
    values: hasSign || codec === 'JPEG' ? decoded.data : used(decoded.data as Unsigned, stored, stored - 1, isSigned),
    isRgb: codec !== 'JPEG-LS',
  };
}

function decodeLossless(frame: Uint8Array, bytes: number): ArrayBuffer {
  try {
    const { buffer, byteOffset, byteLength } = Uint8Array.from(frame);
    const decoded = new lossless.lossless.Decoder().decode(buffer, byteOffset, byteLength, bytes);
    return decoded.buffer.slice(decoded.byteOffset, decoded.byteOffset + decoded.byteLength) as ArrayBuffer;
  } catch {
    throw corrupt('its lossless JPEG cannot be decoded');
  }
}

/** The bits per sample in the frame header of a JPEG. */
function jpegBits(jpeg: Uint8Array): number {
  for (let at = 2; at + 4 < jpeg.length && jpeg[at] === 0xff;) {
    const marker = jpeg[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return jpeg[at + 4];
    at += marker === 0xff ? 1 : 2 + ((jpeg[at + 2] << 8) | jpeg[at + 3]);
  }
  return 8;
}

/** All fragments of the first frame. */
function firstFragments(set: DataSet, frames: number): Uint8Array {
  const { fragments = [], basicOffsetTable: offsets = [] } = set.elements.x7fe00010;
  if (!fragments.length) throw truncated();
  const end = offsets.length > 1 ? offsets[1] : Infinity;
  const mine =
    frames === 1
      ? fragments
      : offsets.length > 1
        ? fragments.filter(({ offset }) => offset < end)
        : fragments.length === frames
          ? fragments.slice(0, 1)
          : untilEnd(set, fragments);
  const parts = mine.map(({ position, length }) => set.byteArray.subarray(position, position + length));
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** Without a table of offsets, a frame ends with the fragment that ends in a JPEG end marker. */
function untilEnd<Fragment extends { position: number; length: number }>(
  { byteArray }: DataSet,
  fragments: Fragment[],
): Fragment[] {
  const isLast = ({ position, length }: Fragment) =>
    Buffer.from(byteArray.subarray(Math.max(position, position + length - 4), position + length)).includes(
      Buffer.of(0xff, 0xd9),
    );
  const last = fragments.findIndex(isLast);
  return fragments.slice(0, last < 0 ? 1 : last + 1);
}

type Unsigned = Uint8Array | Uint16Array | Uint32Array;

function nativeValues(
  bytes: Uint8Array,
  { width, height, channels, photometric }: Layout,
  allocated: number,
  isBig: boolean,
  isPlanar: boolean,
): Unsigned {
  const pixels = width * height;
  if (photometric === 'YBR_FULL_422') {
    if (bytes.length < pixels * 2) throw truncated();
    // Two pixels share their colour: Y Y Cb Cr.
    const out = new Uint8Array(pixels * 3);
    for (let i = 0; i < pixels; i++) {
      const at = (i >> 1) * 4;
      out.set([bytes[at + (i & 1)], bytes[at + 2], bytes[at + 3]], i * 3);
    }
    return out;
  }
  const count = pixels * channels;
  if (bytes.length < Math.ceil((count * allocated) / 8)) throw truncated();
  if (allocated === 1) return Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  const data = Uint8Array.from(bytes.subarray(0, (count * allocated) / 8));
  if (isBig && allocated === 16) Buffer.from(data.buffer).swap16();
  if (isBig && allocated === 32) Buffer.from(data.buffer).swap32();
  const values =
    allocated === 8 ? data : allocated === 16 ? new Uint16Array(data.buffer) : new Uint32Array(data.buffer);
  return isPlanar && channels > 1 ? (interleave(values as Uint8Array, channels) as Unsigned) : values;
}

/** Takes the stored bits out of the allocated ones and extends the sign. */
function used(values: Unsigned, stored: number, high: number, isSigned: boolean): FrameValues['values'] {
  const bits = values.BYTES_PER_ELEMENT * 8;
  const down = Math.max(0, high + 1 - stored);
  if (stored >= bits || stored === 1) {
    if (!isSigned) return values;
    return bits === 8
      ? new Int8Array(values.buffer, values.byteOffset, values.length)
      : bits === 16
        ? new Int16Array(values.buffer, values.byteOffset, values.length)
        : new Int32Array(values.buffer, values.byteOffset, values.length);
  }
  const [mask, sign] = [2 ** stored - 1, 2 ** (stored - 1)];
  if (!isSigned) return values.map((value) => (value >>> down) & mask) as Unsigned;
  return Int32Array.from(values, (value) => (((value >>> down) & mask) ^ sign) - sign);
}

/** PS3.5 annex G: a segment for each byte of a value and channel, the highest byte first, packed in runs. */
function unpackRle(bytes: Uint8Array, { width, height, channels }: Layout, allocated: number): Unsigned {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (header.length < 64) throw truncated();
  const step = allocated / 8;
  const segments = header.readUInt32LE(0);
  if (segments !== step * channels || segments > 15)
    throw corrupt('its runs have another number of segments than its header says');
  const count = width * height;
  if (count * segments > bytes.length * 128) throw truncated();
  const out = new Uint8Array(count * segments);
  for (let segment = 0; segment < segments; segment++) {
    let at = header.readUInt32LE(4 + segment * 4);
    const [channel, place] = [Math.floor(segment / step), step - 1 - (segment % step)];
    for (let i = 0; i < count;) {
      if (at >= bytes.length) throw truncated();
      const code = bytes[at++];
      if (code === 128) continue;
      const run = Math.min(count - i, code > 128 ? 257 - code : code + 1);
      if (at + (code > 128 ? 1 : run) > bytes.length) throw truncated();
      for (let k = 0; k < run; k++, i++) out[(i * channels + channel) * step + place] = bytes[code > 128 ? at : at + k];
      at += code > 128 ? 1 : code + 1;
    }
  }
  return step === 1 ? out : step === 2 ? new Uint16Array(out.buffer) : new Uint32Array(out.buffer);
}
