/**
 * DICOM (PS3.3, PS3.5): the first frame. A file with a window (VOI) is shown through it. Without one, gray values are measurements in the units of the modality,
 * except plain 8-bit values.
 */
import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet } from 'dicom-parser';
import { frameValues, unread, type FrameValues } from './dicom-pixels.ts';
import { startOfDicom } from './dicom-start.ts';
import { checkSize, corrupt, DecodeError, truncated, type Raw } from './raw.ts';

const maxInflatedBytes = 512 * 2 ** 20;

/** Throws DecodeError. */
export async function decodeDicom(bytes: Buffer): Promise<Raw> {
  const set = parse(bytes);
  const pixels = set.elements.x7fe00010;
  const floats = set.elements.x7fe00008 ?? set.elements.x7fe00009;
  if (!pixels && !floats) {
    if (set.uint16('x00280010')) throw truncated(); // it has rows, and ends before them
    const kind = set.string('x00080060') ?? (set.elements.x00041220 ? 'a DICOMDIR' : undefined);
    throw new DecodeError('not-an-image', `The DICOM file has no pixel data${kind ? ` (${kind})` : ''}.`);
  }
  const [height, width, channels] = [
    set.uint16('x00280010') ?? 0,
    set.uint16('x00280011') ?? 0,
    set.uint16('x00280002') ?? 1,
  ];
  checkSize(width, height);
  const frames = Math.max(1, set.intString('x00280008') ?? 1);
  const common = { width, height, frames, ...(frames > 1 && { notice: `frame 1 of ${frames}` }) };
  const photometric = (set.string('x00280004') ?? (channels === 3 ? 'RGB' : 'MONOCHROME2')).toUpperCase();
  if (floats) return floatFrame(set, common);
  const frame = await frameValues(set, { width, height, channels, frames, photometric });
  if (photometric.startsWith('MONOCHROME')) return { ...common, ...gray(set, frame, photometric === 'MONOCHROME1') };
  if (photometric === 'PALETTE COLOR') return { ...common, channels: 3, data: throughPalette(set, frame) };
  if (!/^(?:RGB|YBR_(?:FULL|FULL_422|RCT|ICT))$/.test(photometric) || frame.channels !== 3)
    throw unread(`the colours ${photometric}`);
  const most = 2 ** frame.bits - 1;
  const data =
    frame.bits === 8
      ? Uint8Array.from(frame.values)
      : Uint8Array.from(frame.values, (value) => Math.round((value * 255) / most));
  if (photometric.startsWith('YBR_FULL') && !frame.isRgb) toRgb(data);
  const icc = set.elements.x00282000;
  return {
    ...common,
    channels: 3,
    data,
    ...(icc?.length && {
      profile: Uint8Array.from(set.byteArray.subarray(icc.dataOffset, icc.dataOffset + icc.length)),
    }),
  };
}

/** Reads the elements of a file with or without its preamble. */
function parse(bytes: Buffer): DataSet {
  const start = startOfDicom(bytes);
  const file = start === 'meta' ? Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), bytes]) : bytes;
  const syntax = start === 'explicit' ? '1.2.840.10008.1.2.1' : start === 'implicit' ? '1.2.840.10008.1.2' : undefined;
  const inflater = (all: Uint8Array, from: number) =>
    Buffer.concat([all.subarray(0, from), inflateRawSync(all.subarray(from), { maxOutputLength: maxInflatedBytes })]);
  try {
    return dicomParser.parseDicom(file, { ...(syntax && { TransferSyntaxUID: syntax }), inflater } as object);
  } catch (error) {
    const why = String((error as { exception?: unknown }).exception ?? (error as Error).message ?? error);
    if (/larger than/i.test(why)) throw new DecodeError('too-large', 'The DICOM file inflates to more than 512 MiB.');
    throw /overrun|past the end|beyond|unexpected end|eof|attempt to read/i.test(why)
      ? truncated()
      : corrupt('its elements cannot be read');
  }
}

/** A number that enhanced files keep in the functional groups of all frames or of the first one. */
function decimal(set: DataSet, tag: string, group: string): number | undefined {
  const direct = set.floatString(tag);
  if (direct !== undefined) return direct;
  for (const groups of ['x52009229', 'x52009230']) {
    const inner = set.elements[groups]?.items?.[0]?.dataSet?.elements[group]?.items?.[0]?.dataSet;
    const value = inner?.floatString(tag);
    if (value !== undefined) return value;
  }
  return undefined;
}

type Gray = Pick<Raw, 'data' | 'channels' | 'measured' | 'notice'>;

function gray(set: DataSet, { values, bits, isSigned, channels }: FrameValues, isInverted: boolean): Gray {
  if (channels !== 1) throw unread(`${channels} channels of gray`);
  const [slope, intercept] = [decimal(set, 'x00281053', 'x00289145') ?? 1, decimal(set, 'x00281052', 'x00289145') ?? 0];
  const [center, width] = [decimal(set, 'x00281050', 'x00289132'), decimal(set, 'x00281051', 'x00289132')];
  if (center !== undefined && width !== undefined && width > 0) {
    const look = windowOf(center, width, set.string('x00281056') ?? 'LINEAR');
    const data = Uint8Array.from(values, (value) => Math.round(255 * look(value * slope + intercept)));
    return { data: isInverted ? data.map((value) => 255 - value) : data, channels: 1 };
  }
  const isPlain = bits <= 8 && !isSigned && slope === 1 && intercept === 0;
  if (isPlain) {
    const most = 2 ** bits - 1;
    return {
      data: Uint8Array.from(values, (value) => Math.round(((isInverted ? most - value : value) * 255) / most)),
      channels: 1,
    };
  }
  // In MONOCHROME1 the smallest value is white.
  const turned = isInverted ? (isSigned ? -1 : 2 ** bits - 1) : 0;
  const data = Float32Array.from(values, (value) => (isInverted ? turned - value : value) * slope + intercept);
  return { data, channels: 1, measured: { kind: `dicom ${isSigned ? 'int' : 'uint'}${bits}` } };
}

/** PS3.3 C.11.2.1: from a value to 0..1. */
function windowOf(center: number, width: number, kind: string): (value: number) => number {
  const clip = (value: number) => Math.max(0, Math.min(1, value));
  if (kind === 'SIGMOID') return (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width));
  if (kind === 'LINEAR_EXACT') return (value) => clip((value - center) / width + 0.5);
  return (value) => (width === 1 ? Number(value > center - 0.5) : clip((value - (center - 0.5)) / (width - 1) + 0.5));
}

function floatFrame(set: DataSet, common: Pick<Raw, 'width' | 'height' | 'frames' | 'notice'>): Raw {
  const element = set.elements.x7fe00008 ?? set.elements.x7fe00009;
  const isDouble = !set.elements.x7fe00008;
  const step = isDouble ? 8 : 4;
  const count = common.width * common.height;
  if (element.length < count * step) throw truncated();
  const view = new DataView(set.byteArray.buffer, set.byteArray.byteOffset + element.dataOffset);
  const data = isDouble
    ? Float64Array.from({ length: count }, (_, i) => view.getFloat64(i * 8, true))
    : Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
  return { ...common, data, channels: 1, measured: { kind: isDouble ? 'dicom float64' : 'dicom float32' } };
}

/** PS3.3 C.7.6.3.1.5: three tables of 8 or 16 bits. */
function throughPalette(set: DataSet, { values }: FrameValues): Uint8Array {
  const data = new Uint8Array(values.length * 3);
  ['1', '2', '3'].forEach((colour, c) => {
    const table = set.elements[`x0028120${colour}`];
    if (!table) throw unread(set.elements[`x0028122${colour}`] ? 'a segmented palette' : 'a palette that is missing');
    const descriptor = `x0028110${colour}`;
    const [size, first, bits] = [
      set.uint16(descriptor, 0) || 65536,
      set.uint16(descriptor, 1) ?? 0,
      set.uint16(descriptor, 2) ?? 16,
    ];
    const isWide = table.length >= size * 2;
    if (!isWide && table.length < size) throw truncated();
    const bytes = set.byteArray;
    for (let i = 0; i < values.length; i++) {
      const entry = Math.max(0, Math.min(size - 1, values[i] - first));
      const at = table.dataOffset + entry * (isWide ? 2 : 1);
      data[i * 3 + c] = isWide ? (bits === 8 ? bytes[at] : bytes[at + 1]) : bytes[at]; // of 16 bits the upper 8
    }
  });
  return data;
}

/** PS3.3 C.7.6.3.1.2, in place. */
function toRgb(data: Uint8Array): void {
  const byte = (value: number) => Math.max(0, Math.min(255, Math.round(value)));
  for (let i = 0; i < data.length; i += 3) {
    const [y, cb, cr] = [data[i], data[i + 1] - 128, data[i + 2] - 128];
    data[i] = byte(y + 1.402 * cr);
    data[i + 1] = byte(y - 0.344136 * cb - 0.714136 * cr);
    data[i + 2] = byte(y + 1.772 * cb);
  }
}
