/**
 * TIFF of the kinds that libvips does not read, or not right: measurements of any sample format, more bands than colours, Zstandard, LERC and JPEG 2000, CIELab,
 * separate planes, uncompressed YCbCr. `tiff-picture.ts` decides.
 */
import type { Plane } from '../contract/plane.ts';
import { loadLibrary } from '../file/fault.ts';
import { pictureDirectory } from './camera-raw.ts';
import { checkSize, corrupt, DecodeError, truncated, type Raw, type Samples } from './raw.ts';
import { tag, Tiff, type Directory } from './tiff.ts';
import { compressions, isMeasured, layoutOf, pictureOf, type Layout } from './tiff-picture.ts';
import { coloursOfTiff } from './tiff-colours.ts';
import { addHorizontally, joinFloatBytes, unpack } from './unpack.ts';

/** `plane`: of a stack. Throws DecodeError. */
export async function decodeTiff(bytes: Buffer, plane?: Plane): Promise<Raw> {
  const tiff = new Tiff(bytes);
  const { directory, frames, notice } = pictureOf(tiff, plane);
  const raw = await decodeDirectory(tiff, directory);
  return { ...raw, frames, notice: [notice, raw.notice].filter(Boolean).join('; ') || undefined };
}

/** The picture of a raw file that is no JPEG. Throws DecodeError. */
export async function decodeRawPicture(bytes: Buffer): Promise<Raw> {
  const tiff = new Tiff(bytes);
  const directory = pictureDirectory(tiff);
  if (!directory) throw corrupt('it has no picture');
  return decodeDirectory(tiff, directory);
}

/** The picture of one directory. Throws DecodeError. */
async function decodeDirectory(tiff: Tiff, directory: Directory): Promise<Raw> {
  const layout = layoutOf(directory);
  const { width, height, samples, colours, alpha, orientation, bits, type } = layout;
  checkSize(width, height);
  const measured = isMeasured(layout);
  const bands = Array.from({ length: colours }, (_, i) => i);
  const hasAlpha = alpha >= 0 && !measured && colours !== 4;
  if (hasAlpha) bands.push(alpha);
  const values = await readBands(tiff, directory, layout, bands);
  const notice = bands.length < samples ? bandsNotice(bands, samples) : undefined;
  const base = { width, height, orientation: orientation >= 1 && orientation <= 8 ? orientation : 1, notice };
  if (!measured) return { ...base, ...coloursOfTiff(directory, layout, values, hasAlpha) };
  if (colours === 3 ? layout.photometric !== 2 : colours !== 1 || layout.photometric === 3)
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read TIFF with ${kindOf(type, bits)} values that are not gray or RGB yet.`,
    );
  if (layout.photometric === 0) invert(values, layout);
  const channels = colours as 1 | 3;
  return { ...base, channels, data: withoutNoData(values, directory, layout), measured: { kind: kindOf(type, bits) } };
}

const bandsNotice = (bands: number[], samples: number) =>
  `${bands.length > 1 ? 'bands' : 'band'} ${bands.map((band) => band + 1).join(', ')} of ${samples}`;

/** All floating-point numbers are one kind; integers are named by the memory that they need. */
const kindOf = (type: Layout['type'], bits: number) =>
  type === 'float' ? 'float' : `${type}${bits <= 8 ? 8 : bits <= 16 ? 16 : bits <= 32 ? 32 : 64}`;

/** Of measurements: white is zero. Unsigned values are counted from the top of their range. */
function invert(values: Samples, { type, bits }: Layout) {
  const top = type === 'uint' ? 2 ** bits - 1 : type === 'int' ? -1 : 0;
  for (let i = 0; i < values.length; i++) values[i] = top - values[i];
}

/** The value that means 'no data' (GDAL) becomes NaN. */
function withoutNoData(values: Samples, directory: Directory, { photometric, type, bits }: Layout): Samples {
  const text = directory.has(tag.noData) ? directory.text(tag.noData) : '';
  if (!text || /^-?nan$/i.test(text) || !Number.isFinite(Number(text))) return values;
  const given = values instanceof Float32Array ? Math.fround(Number(text)) : Number(text);
  const none = photometric === 0 ? (type === 'uint' ? 2 ** bits - 1 : type === 'int' ? -1 : 0) - given : given;
  if (!values.includes(none)) return values;
  const floats =
    values instanceof Float32Array || values instanceof Float64Array
      ? values
      : bits <= 16
        ? Float32Array.from(values)
        : Float64Array.from(values);
  for (let i = 0; i < floats.length; i++) if (floats[i] === none) floats[i] = NaN;
  return floats;
}

/** An array for `length` values as they are stored; half floats become floats, and integers of 64 bits doubles. */
function arrayFor({ type, bits }: Layout, length: number): Samples {
  const wrong = () =>
    new DecodeError(
      'unsupported-format',
      `Winnow does not read TIFF with ${type === 'float' ? 'floating-point' : type === 'int' ? 'signed' : 'unsigned'} samples of ${bits} bits yet.`,
    );
  if (type === 'float') {
    if (bits === 16 || bits === 32) return new Float32Array(length);
    if (bits === 64) return new Float64Array(length);
    throw wrong();
  }
  if (bits === 64) return new Float64Array(length);
  if (type === 'int') {
    if (bits === 8) return new Int8Array(length);
    if (bits === 16) return new Int16Array(length);
    if (bits === 32) return new Int32Array(length);
    throw wrong();
  }
  if (bits < 1 || bits > 32) throw wrong();
  return bits <= 8 ? new Uint8Array(length) : bits <= 16 ? new Uint16Array(length) : new Uint32Array(length);
}

/** The chosen samples of all pixels, interleaved, as they are stored in strips or tiles. Throws DecodeError. */
async function readBands(tiff: Tiff, directory: Directory, layout: Layout, bands: readonly number[]): Promise<Samples> {
  const { width, height, samples, isPlanar } = layout;
  const out = arrayFor(layout, width * height * bands.length);
  const isTiled = directory.has(tag.tileOffsets);
  const offsets = directory.numbers(isTiled ? tag.tileOffsets : tag.stripOffsets);
  const sizes = directory.numbers(isTiled ? tag.tileBytes : tag.stripBytes);
  const wide = isTiled ? directory.number(tag.tileWidth, 0) : width;
  const high = isTiled
    ? directory.number(tag.tileHeight, 0)
    : Math.min(height, directory.number(tag.rowsPerStrip, height));
  if (!wide || !high || !offsets.length) throw corrupt('it has no strips or tiles');
  checkSize(wide, high);
  const [across, down] = [Math.ceil(width / wide), Math.ceil(height / high)];
  const perChunk = isPlanar ? 1 : samples;
  for (const [slot, band] of isPlanar ? bands.entries() : [[0, 0]]) {
    for (let chunk = 0; chunk < across * down; chunk++) {
      const [left, top] = [(chunk % across) * wide, Math.floor(chunk / across) * high];
      const rows = isTiled ? high : Math.min(high, height - top);
      const [visible, columns] = [Math.min(rows, height - top), Math.min(wide, width - left)];
      const index = (isPlanar ? band * across * down : 0) + chunk;
      const at = offsets[index];
      if (at === undefined) throw corrupt('strips or tiles are missing');
      const bytes = sizes[index] ?? (sizes.length ? 0 : tiff.bytes.length - at);
      if (!bytes) {
        fillSparse(out, directory, {
          left,
          top,
          columns,
          visible,
          width,
          bands: bands.length,
          slot: isPlanar ? slot : null,
        });
        continue;
      }
      if (at + bytes > tiff.bytes.length) throw truncated();
      const packed = tiff.bytes.subarray(at, at + bytes);
      const needed = ((visible - 1) * wide + columns) * perChunk;
      const values = await readChunk(tiff, directory, layout, packed, { wide, rows, perChunk, needed });
      if (values.length < needed) throw tooShort();
      for (let y = 0; y < visible; y++) {
        let from = y * wide * perChunk;
        let to = ((top + y) * width + left) * bands.length + slot;
        for (let x = 0; x < columns; x++, from += perChunk, to += bands.length) {
          if (isPlanar) out[to] = values[from];
          else for (let b = 0; b < bands.length; b++) out[to + b] = values[from + bands[b]];
        }
      }
    }
  }
  return out;
}

interface Place {
  left: number;
  top: number;
  columns: number;
  visible: number;
  width: number;
  bands: number;
  /** The band that is filled; null for all. */
  slot: number | null;
}

/** A strip or tile without bytes has no data: GDAL's 'no data', else zeros, which the array has. */
function fillSparse(out: Samples, directory: Directory, { left, top, columns, visible, width, bands, slot }: Place) {
  const none = directory.has(tag.noData) ? Number(directory.text(tag.noData)) : 0;
  if (!none) return;
  for (let y = top; y < top + visible; y++)
    for (let i = (y * width + left) * bands; i < (y * width + left + columns) * bands; i++)
      if (slot === null || i % bands === slot) out[i] = none;
}

interface Chunk {
  /** Pixels of a row, rows, and samples of a pixel. */
  wide: number;
  rows: number;
  perChunk: number;
  /** Values up to the last one that is in the image. */
  needed: number;
}

const tooShort = () => corrupt('a strip or tile is too short');

async function readChunk(
  tiff: Tiff,
  directory: Directory,
  layout: Layout,
  packed: Buffer,
  chunk: Chunk,
): Promise<ArrayLike<number>> {
  const { bits, compression, photometric, predictor, type } = layout;
  const { wide, rows, perChunk } = chunk;
  if (compression === compressions.lerc) return readLerc(directory, packed, chunk);
  if ([compressions.jp2, compressions.jp2Aperio, compressions.jp2AperioRgb].includes(compression as never))
    return readJp2(packed, layout, chunk);
  const rowValues = wide * perChunk;
  const rowBytes = Math.ceil((rowValues * bits) / 8);
  const isReversed = directory.number(tag.fillOrder, 1) === 2;
  const sampling = photometric === 6 && !layout.isPlanar ? directory.numbers(tag.yCbCrSubsampling) : [1, 1];
  const [across, down] = [sampling[0] || 2, sampling[1] || 2];
  const isSubsampled = across > 1 || down > 1;
  if (isSubsampled && (bits !== 8 || perChunk !== 3))
    throw new DecodeError(
      'unsupported-format',
      'Winnow does not read TIFF with subsampled YCbCr colours of this kind yet.',
    );
  const size = isSubsampled ? Math.ceil(wide / across) * Math.ceil(rows / down) * (across * down + 2) : rowBytes * rows;
  const unpacked = unpack(compression, isReversed ? reverseBits(packed) : packed, size);
  if (unpacked.length < size && compression === compressions.none && unpacked.length < packed.length) throw truncated();
  if (!isSubsampled && unpacked.length * 8 < chunk.needed * bits) throw tooShort(); // before memory is taken for all of it
  const bytes = new Uint8Array(size); // aligned, and its own: predictors write into it
  bytes.set(unpacked.subarray(0, size));
  const whole = Math.min(unpacked.length, size);
  if (isSubsampled) return whole < size ? [] : spread(bytes, wide, rows, across, down);
  if (predictor === 3) {
    if (type !== 'float' || bits % 8) throw corrupt('a floating-point predictor for integers');
    return valuesOf(joinFloatBytes(bytes, rowValues, perChunk, bits / 8), layout, true).subarray(
      0,
      Math.floor((whole * 8) / bits),
    );
  }
  if (bits % 8 || bits === 24) {
    if (predictor === 2)
      throw new DecodeError(
        'unsupported-format',
        `Winnow does not read TIFF with a predictor for samples of ${bits} bits yet.`,
      );
    return unpackSamples(bytes, bits, rowValues, Math.floor(whole / rowBytes), tiff.isLittle);
  }
  if (predictor === 2) {
    if (bits > 32)
      throw new DecodeError(
        'unsupported-format',
        `Winnow does not read TIFF with a predictor for samples of ${bits} bits yet.`,
      );
    if (!tiff.isLittle) swap(bytes, bits);
    const unsigned = bits === 8 ? bytes : bits === 16 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
    addHorizontally(unsigned, rowValues, perChunk);
    return valuesOf(bytes, layout, true).subarray(0, Math.floor((whole * 8) / bits));
  }
  return valuesOf(bytes, layout, tiff.isLittle).subarray(0, Math.floor((whole * 8) / bits));
}

function swap(bytes: Uint8Array, bits: number): void {
  const buffer = Buffer.from(bytes.buffer);
  if (bits === 16) buffer.swap16();
  else if (bits === 32) buffer.swap32();
  else if (bits === 64) buffer.swap64();
}

/** Samples of whole bytes as numbers. `bytes` is aligned and is changed. */
function valuesOf(bytes: Uint8Array, { type, bits }: Layout, isLittle: boolean): Samples {
  if (!isLittle) swap(bytes, bits);
  const { buffer } = bytes;
  if (type === 'float')
    return bits === 16
      ? Float32Array.from(new Float16Array(buffer))
      : bits === 32
        ? new Float32Array(buffer)
        : new Float64Array(buffer);
  if (bits === 64)
    return Float64Array.from(type === 'int' ? new BigInt64Array(buffer) : new BigUint64Array(buffer), Number);
  if (type === 'int')
    return bits === 8 ? new Int8Array(buffer) : bits === 16 ? new Int16Array(buffer) : new Int32Array(buffer);
  return bits === 8 ? bytes : bits === 16 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

/** Unsigned samples that are not whole bytes, or are three; each row starts at a byte. Three bytes have the order of the file. */
function unpackSamples(
  bytes: Uint8Array,
  bits: number,
  rowValues: number,
  rows: number,
  isLittle: boolean,
): Uint32Array {
  const out = new Uint32Array(rowValues * rows);
  const rowBytes = Math.ceil((rowValues * bits) / 8);
  for (let y = 0, to = 0; y < rows; y++) {
    let at = y * rowBytes;
    if (bits === 24) {
      for (let i = 0; i < rowValues; i++, at += 3)
        out[to++] = isLittle
          ? bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
          : (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
      continue;
    }
    let [held, buffer] = [0, 0];
    for (let i = 0; i < rowValues; i++) {
      while (held < bits) {
        buffer = buffer * 256 + bytes[at++]; // not a shift: up to 39 bits are held
        held += 8;
      }
      const rest = 2 ** (held - bits);
      out[to++] = Math.floor(buffer / rest);
      buffer %= rest;
      held -= bits;
    }
  }
  return out;
}

const reversed = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
);
const reverseBits = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => reversed[byte]));

/** Subsampled YCbCr as three samples per pixel: blocks of `across` × `down` luma samples are followed by their two chroma samples. */
function spread(bytes: Uint8Array, wide: number, rows: number, across: number, down: number): Uint8Array {
  const out = new Uint8Array(wide * rows * 3);
  const perRow = Math.ceil(wide / across);
  const unit = across * down + 2;
  for (let y = 0, to = 0; y < rows; y++)
    for (let x = 0; x < wide; x++, to += 3) {
      const block = (Math.floor(y / down) * perRow + Math.floor(x / across)) * unit;
      out[to] = bytes[block + (y % down) * across + (x % across)];
      out[to + 1] = bytes[block + unit - 2];
      out[to + 2] = bytes[block + unit - 1];
    }
  return out;
}

const lercPackings = { none: 0, deflate: 1, zstd: 2 } as const;

async function readLerc(
  directory: Directory,
  packed: Buffer,
  { wide, rows, perChunk }: Chunk,
): Promise<ArrayLike<number>> {
  const lerc = await loadLibrary('lerc', async () => {
    const library = await import('lerc');
    if (!library.isLoaded()) await library.load();
    return library;
  });
  const [, packing = 0] = directory.numbers(tag.lercParameters);
  const most = wide * rows * perChunk * 8 + 1024;
  const blob =
    packing === lercPackings.none
      ? packed
      : unpack(packing === lercPackings.deflate ? compressions.deflate : compressions.zstd, packed, most);
  const { width, height, pixels, mask, depthCount } = lerc.decode(Uint8Array.from(blob), { returnInterleaved: true });
  if (width !== wide || height < rows) throw corrupt('a LERC block of another size');
  const values = pixels.length === 1 && depthCount === perChunk ? pixels[0] : interleave(pixels, perChunk);
  if (!mask) return values;
  const floats = Float64Array.from(values);
  for (let i = 0; i < floats.length; i++) if (!mask[Math.floor(i / perChunk)]) floats[i] = NaN;
  return floats;
}

function interleave(bands: readonly ArrayLike<number>[], perChunk: number): ArrayLike<number> {
  if (bands.length !== perChunk) throw corrupt('a LERC block with another number of bands');
  return Float64Array.from(
    { length: bands[0].length * perChunk },
    (_, i) => bands[i % perChunk][Math.floor(i / perChunk)],
  );
}

async function readJp2(packed: Buffer, { bits }: Layout, { wide, rows, perChunk }: Chunk): Promise<ArrayLike<number>> {
  const { data, width, height, channels } = await (
    await loadLibrary('JPEG 2000', () => import('./decode-jp2.ts'))
  ).decodeJp2(packed);
  if (data.BYTES_PER_ELEMENT * 8 !== bits || channels !== perChunk)
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read TIFF with JPEG 2000 compression of ${perChunk} bands with ${bits} bits yet.`,
    );
  if (width < wide || height < rows) throw corrupt('a JPEG 2000 block of another size');
  return data;
}
