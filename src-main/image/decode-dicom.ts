/**
 * DICOM (PS3.3, PS3.5): the first frame. A file with a table or a window for the display (VOI) is shown through it; without one, gray values are measurements in the
 * units of the modality, except plain 8-bit values.
 */
import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet } from 'dicom-parser';
import { frameValues, unread, type FrameValues } from './dicom-pixels.ts';
import { lookUp, lutOf, readLut } from './dicom-lut.ts';
import { startOfDicom } from './dicom-start.ts';
import { checkSize, corrupt, DecodeError, truncated, type Raw } from './raw.ts';

const maxInflatedBytes = 512 * 2 ** 20;

/** Throws DecodeError. */
export async function decodeDicom(bytes: Buffer): Promise<Raw> {
  try {
    return await firstFrame(parse(bytes));
  } catch (error) {
    throw isPastEnd(error) ? truncated() : error;
  }
}

async function firstFrame(set: DataSet): Promise<Raw> {
  const pixels = set.elements.x7fe00010;
  const floats = set.elements.x7fe00008 ?? set.elements.x7fe00009;
  if (!pixels && !floats) {
    if (set.uint16('x00280010') || isOfImage(set)) throw truncated();
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
  const common = { width, height, frames, notice: frames > 1 ? `frame 1 of ${frames}` : undefined };
  const photometric = (set.string('x00280004') ?? (channels === 3 ? 'RGB' : 'MONOCHROME2')).toUpperCase();
  const shown = (values: GrayValues) => {
    const { notice, ...image } = gray(set, values, photometric === 'MONOCHROME1');
    const notices = [common.notice, notice].filter((text) => text !== undefined);
    return { ...common, ...image, ...(notices.length && { notice: notices.join('; ') }) };
  };
  if (floats) return shown(floatFrame(set, width * height));
  const frame = await frameValues(set, { width, height, channels, frames, photometric });
  if (photometric.startsWith('MONOCHROME')) return shown(frame);
  if (photometric === 'PALETTE COLOR') return { ...common, channels: 3, ...throughPalette(set, frame) };
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
    ...(frame.bits > 8 && { isReduced: true as const }),
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
    if (isPastEnd(error) || (start === 'part-10' && endsInMeta(bytes))) throw truncated();
    if (/larger than/i.test(textOf(error)))
      throw new DecodeError('too-large', 'The DICOM file inflates to more than 512 MiB.');
    throw corrupt('its elements cannot be read');
  }
}

/** The library throws errors, strings, and objects with an `exception`. */
const textOf = (error: unknown) =>
  String((error as { exception?: unknown }).exception ?? (error as Error).message ?? error);
const isPastEnd = (error: unknown) =>
  !(error instanceof DecodeError) &&
  /overrun|past the end|unexpected end|attempt to read past|greater than or equal to 'byteArray'|'maxP ?osition'/i.test(
    textOf(error),
  );

/** True if the file ends in its meta information, whose first element is its length. */
const endsInMeta = (bytes: Buffer) =>
  bytes.length < 144 || (bytes.readUInt32LE(132) === 2 && bytes.length < 144 + bytes.readUInt32LE(140));

/** True if the class of the file (PS3.4 B.5) is one of images, or is not stated up to its end: pixels were to follow. */
function isOfImage(set: DataSet): boolean {
  const kind = (set.string('x00080016') ?? set.string('x00020002'))?.trim();
  return !kind || (kind.startsWith(storage) && imageStorage.test(kind.slice(storage.length)));
}
const storage = '1.2.840.10008.5.1.4.1.1.';
const imageStorage =
  /^(?!4\.2$|77\.1\.5\.3$)(?:[1-7]|1\.\d.*|[2-7]\.\d.*|12\..*|13\..*|14\..*|20|30|66\.4|77\.1\..*|128.*|130|481\.[12])$/;

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

type Gray = Pick<Raw, 'data' | 'channels' | 'measured' | 'notice' | 'isReduced'>;
interface GrayValues extends Pick<FrameValues, 'bits' | 'channels' | 'isSigned'> {
  values: FrameValues['values'] | Float32Array | Float64Array;
}

function gray(set: DataSet, { values, bits, isSigned, channels }: GrayValues, isInverted: boolean): Gray {
  if (channels !== 1) throw unread(`${channels} channels of gray`);
  const [slope, intercept] = [decimal(set, 'x00281053', 'x00289145') ?? 1, decimal(set, 'x00281052', 'x00289145') ?? 0];
  const modality = lutOf(set, 'x00283000', isSigned);
  const voi = lutOf(set, 'x00283010', !modality && (isSigned || intercept < 0));
  const notice = modality === null || voi === null ? 'a lookup table without its data is not applied' : undefined;
  const common = { channels: 1, ...(notice && { notice }) } as const;
  const inUnits = (value: number) => (modality ? lookUp(modality, value) : value * slope + intercept);
  const [center, width] = [decimal(set, 'x00281050', 'x00289132'), decimal(set, 'x00281051', 'x00289132')];
  const look = voi
    ? (value: number) => lookUp(voi, value) / (2 ** voi.bits - 1)
    : center !== undefined && width !== undefined && width > 0
      ? windowOf(center, width, set.string('x00281056') ?? 'LINEAR')
      : null;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const isPadding = paddingOf(set, isFloat, isSigned);
  if (look) {
    const level = (value: number) => Math.min(255, Math.round(255 * look(inUnits(value))));
    const shown = isInverted ? (value: number) => 255 - level(value) : level;
    return {
      ...common,
      isReduced: true,
      data: Uint8Array.from(values, (value) => (isPadding(value) ? 0 : shown(value))),
    };
  }
  const isPlain = bits <= 8 && !isSigned && !modality && slope === 1 && intercept === 0;
  if (isPlain) {
    const most = 2 ** bits - 1;
    return {
      ...common,
      ...(values.some(isPadding) && { isReduced: true }),
      data: Uint8Array.from(values, (value) =>
        isPadding(value) ? 0 : Math.round(((isInverted ? most - value : value) * 255) / most),
      ),
    };
  }
  // In MONOCHROME1 the smallest value is white.
  const turned = modality || !(isFloat || isSigned) ? 2 ** (modality?.bits ?? bits) - 1 : isFloat ? 0 : -1;
  const measure = modality
    ? (value: number) => (isInverted ? turned - lookUp(modality, value) : lookUp(modality, value))
    : (value: number) => (isInverted ? turned - value : value) * slope + intercept;
  const kind = modality ? `uint${modality.bits}` : `${isFloat ? 'float' : isSigned ? 'int' : 'uint'}${bits}`;
  const unpadded = (value: number) => (isPadding(value) ? NaN : measure(value)); // NaN is black, and no part of the levels
  const data =
    values instanceof Float64Array ? Float64Array.from(values, unpadded) : Float32Array.from(values, unpadded);
  return { ...common, data, measured: { kind: `dicom ${kind}` } };
}

/** PS3.3 C.7.5.1.1.2: values around the image that are no measurements, such as those outside the circle of a CT; they are shown black. A file may name one, or the ends of a range. */
function paddingOf(set: DataSet, isFloat: boolean, isSigned: boolean): (value: number) => boolean {
  const read = (integer: string, float: string, double: string) =>
    isFloat ? (set.float(float) ?? set.double(double)) : isSigned ? set.int16(integer) : set.uint16(integer);
  const value = read('x00280120', 'x00280122', 'x00280123');
  if (value === undefined) return () => false;
  const limit = read('x00280121', 'x00280124', 'x00280125') ?? value;
  const [least, most] = [Math.min(value, limit), Math.max(value, limit)];
  return (one) => one >= least && one <= most;
}

/** PS3.3 C.11.2.1: from a value to 0..1. */
function windowOf(center: number, width: number, kind: string): (value: number) => number {
  const clip = (value: number) => Math.max(0, Math.min(1, value));
  if (kind === 'SIGMOID') return (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width));
  if (kind === 'LINEAR_EXACT') return (value) => clip((value - center) / width + 0.5);
  return (value) => (width === 1 ? Number(value > center - 0.5) : clip((value - (center - 0.5)) / (width - 1) + 0.5));
}

function floatFrame(set: DataSet, count: number): GrayValues {
  const element = set.elements.x7fe00008 ?? set.elements.x7fe00009;
  const bits = set.elements.x7fe00008 ? 32 : 64;
  if (element.length < (count * bits) / 8) throw truncated();
  const view = new DataView(set.byteArray.buffer, set.byteArray.byteOffset + element.dataOffset);
  const values =
    bits === 64
      ? Float64Array.from({ length: count }, (_, i) => view.getFloat64(i * 8, true))
      : Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
  return { values, bits, channels: 1, isSigned: false };
}

/** Three tables, of red, green and blue. */
function throughPalette(set: DataSet, { values }: FrameValues): Pick<Raw, 'data' | 'isReduced'> {
  const data = new Uint8Array(values.length * 3);
  let isReduced = false;
  ['1', '2', '3'].forEach((colour, c) => {
    if (!set.elements[`x0028120${colour}`])
      throw unread(set.elements[`x0028122${colour}`] ? 'a segmented palette' : 'a palette that is missing');
    const lut = readLut(set, `x0028110${colour}`, `x0028120${colour}`);
    if (!lut) throw truncated();
    isReduced ||= lut.bits > 8;
    for (let i = 0; i < values.length; i++) data[i * 3 + c] = lookUp(lut, values[i]) >> (lut.bits > 8 ? 8 : 0); // of 16 bits the upper 8
  });
  return isReduced ? { data, isReduced } : { data };
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
