/**
 * Windows and OS/2 bitmaps: 1 to 32 bits, palettes, bit fields, both RLE compressions, bottom-up and top-down. An icon contains a bitmap without the file header (a
 * "DIB"). Its header gives twice the height, since a mask of one bit per pixel follows the colours.
 */
import { d65, profileOfGamma, type Primaries } from './profile.ts';
import { checkSize, corrupt, DecodeError, need, truncated, type Raw8 } from './raw.ts';

const fileHeaderBytes = 14;
const [calibrated, linkedProfile, embeddedProfile] = [0, 0x4c494e4b, 0x4d424544]; // the last two are 'LINK' and 'MBED'
const [plain, rle8, rle4, bitFields, alphaBitFields] = [0, 1, 2, 3, 6];

interface Dib {
  width: number;
  height: number;
  topDown: boolean;
  bits: number;
  packing: number;
  /** RGB triples. */
  palette: Uint8Array;
  /** Masks of red, green, blue, alpha; zero if absent. */
  masks: number[];
  /** Offset of the pixels in a bitmap without a file header. */
  pixelsAt: number;
}

/** Throws DecodeError. */
export function decodeBmp(bytes: Buffer): Raw8 {
  need(bytes, fileHeaderBytes + 12);
  const pixelsAt = bytes.readUInt32LE(10);
  const dib = readHeader(bytes, fileHeaderBytes, pixelsAt, false);
  const image = decodePixels(bytes, dib, pixelsAt || dib.pixelsAt);
  // Many programs leave the fourth byte zero, though the masks call it alpha.
  if (image.channels === 4 && !isSeen(image.data)) opaque(image.data);
  return { ...image, ...profileOf(bytes) };
}

/** The colours that a header states: by primaries and a gamma (BITMAPV4HEADER), or by an ICC profile (BITMAPV5HEADER). */
function profileOf(bytes: Buffer): Pick<Raw8, 'profile' | 'notice'> {
  const headerBytes = bytes.readUInt32LE(fileHeaderBytes);
  const header = bytes.subarray(fileHeaderBytes);
  if (headerBytes < 108 || header.length < headerBytes) return {};
  const kind = header.readUInt32LE(56);
  if (kind === calibrated) return profileOfPrimaries(header);
  if (headerBytes < 124) return {};
  if (kind === linkedProfile) return { notice: 'its colour profile lies in another file and is not applied' };
  if (kind !== embeddedProfile) return {};
  const [from, size] = [112, 116].map((at) => header.readUInt32LE(at));
  need(header, from + size);
  return { profile: Uint8Array.from(header.subarray(from, from + size)) };
}

/** Many programs leave the primaries zero: then they state nothing. The white is that of sRGB. */
function profileOfPrimaries(header: Buffer): Pick<Raw8, 'profile' | 'notice'> {
  const primaries = [60, 72, 84].flatMap((at) => {
    const [x, y, z] = [0, 4, 8].map((next) => header.readUInt32LE(at + next));
    return [x / (x + y + z), y / (x + y + z)];
  });
  if (primaries.some(Number.isNaN)) return {};
  const gammas = [96, 100, 104].map((at) => header.readUInt32LE(at) / 65_536);
  if (new Set(gammas).size > 1) return { notice: 'colours read as sRGB: another gamma for each channel' };
  const [gamma] = gammas; // some programs write its inverse
  const profile = profileOfGamma([...primaries, ...d65] as unknown as Primaries, gamma < 1 ? 1 / gamma : gamma);
  return profile ? { profile } : {};
}

/** Decodes one image of an icon. */
export function decodeIconDib(bytes: Buffer): Raw8 {
  need(bytes, 40);
  const dib = readHeader(bytes, 0, 0, true);
  if (dib.bits === 32) dib.masks = [0xff0000, 0xff00, 0xff, 0xff000000];
  const image = decodePixels(bytes, dib, dib.pixelsAt);
  if (image.channels === 4 && isSeen(image.data)) return image;
  return applyMask(image, bytes, dib.pixelsAt + rowBytes(dib.width, dib.bits) * dib.height);
}

const rowBytes = (width: number, bits: number) => Math.ceil((width * bits) / 32) * 4;
const isSeen = (rgba: Uint8Array) => {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i]) return true;
  return false;
};

function readHeader(bytes: Buffer, at: number, pixelsAt: number, isIcon: boolean): Dib {
  const headerBytes = bytes.readUInt32LE(at);
  const isCore = headerBytes === 12;
  if (!isCore && (headerBytes < 16 || headerBytes > 1024))
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not know this kind of bitmap (a header of ${headerBytes} bytes).`,
    );
  need(bytes, at + headerBytes);
  const signedHeight = isCore ? bytes.readUInt16LE(at + 6) : bytes.readInt32LE(at + 8);
  const width = isCore ? bytes.readUInt16LE(at + 4) : bytes.readInt32LE(at + 4);
  const height = Math.abs(signedHeight) / (isIcon ? 2 : 1);
  checkSize(width, Math.floor(height));
  const bits = bytes.readUInt16LE(at + (isCore ? 10 : 14));
  const packing = headerBytes >= 20 ? bytes.readUInt32LE(at + 16) : plain;
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits)) throw corrupt(`${bits} bits per pixel`);
  if (![plain, rle8, rle4, bitFields, alphaBitFields].includes(packing))
    throw new DecodeError('unsupported-format', `Winnow does not read bitmaps with compression ${packing}.`);

  let masks = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  let paletteAt = at + headerBytes;
  if (packing === bitFields || packing === alphaBitFields) {
    const count = headerBytes >= 56 || packing === alphaBitFields ? 4 : 3;
    need(bytes, at + 40 + count * 4);
    masks = [0, 1, 2, 3].map((i) => (i < count ? bytes.readUInt32LE(at + 40 + i * 4) : 0));
    if (headerBytes < 52) paletteAt += count * 4;
  }
  const entry = isCore ? 3 : 4;
  const used = headerBytes >= 36 ? bytes.readUInt32LE(at + 32) : 0;
  if (used > 65_536) throw corrupt(`a palette of ${used} colours`);
  const colours = bits > 8 ? used : used || 1 << bits;
  const room = pixelsAt > paletteAt ? Math.floor((pixelsAt - paletteAt) / entry) : colours;
  const count = bits > 8 ? 0 : Math.min(colours, room, 256);
  need(bytes, paletteAt + count * entry);
  const palette = new Uint8Array(256 * 3);
  for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) palette[i * 3 + c] = bytes[paletteAt + i * entry + 2 - c];
  return {
    width,
    height: Math.floor(height),
    topDown: signedHeight < 0,
    bits,
    packing,
    palette,
    masks,
    pixelsAt: paletteAt + colours * entry,
  };
}

function decodePixels(bytes: Buffer, dib: Dib, at: number): Raw8 {
  const { width, height, bits, packing, palette, masks, topDown } = dib;
  const rowOf = (y: number) => (topDown ? y : height - 1 - y);
  if (bits <= 8) {
    const packed = packing === rle8 || packing === rle4;
    if (!packed) need(bytes, at + rowBytes(width, bits) * (height - 1) + Math.ceil((width * bits) / 8));
    const indices = packed ? unpackRuns(bytes, at, width, height, packing === rle4) : null;
    const data = new Uint8Array(width * height * 3);
    const [stride, low] = [rowBytes(width, bits), (1 << bits) - 1];
    for (let y = 0, to = 0; y < height; y++) {
      const [row, unpacked] = [at + rowOf(y) * stride, rowOf(y) * width];
      for (let x = 0; x < width; x++, to += 3) {
        const bit = x * bits;
        const index = indices ? indices[unpacked + x] : (bytes[row + (bit >> 3)] >> (8 - bits - (bit & 7))) & low;
        data[to] = palette[index * 3];
        data[to + 1] = palette[index * 3 + 1];
        data[to + 2] = palette[index * 3 + 2];
      }
    }
    return { data, width, height, channels: 3 };
  }
  const [stride, step] = [rowBytes(width, bits), bits / 8];
  need(bytes, at + stride * (height - 1) + width * step);
  const channels = masks[3] ? 4 : 3;
  const data = new Uint8Array(width * height * channels);
  const isBgr =
    bits === 24 ||
    (bits === 32 &&
      masks[0] === 0xff0000 &&
      masks[1] === 0xff00 &&
      masks[2] === 0xff &&
      (!masks[3] || masks[3] === 0xff000000));
  const fields = masks.map((mask) => ({
    mask,
    shift: mask ? Math.clz32(mask & -mask) ^ 31 : 0,
    most: mask ? mask >>> (Math.clz32(mask & -mask) ^ 31) : 1,
  }));
  for (let y = 0, to = 0; y < height; y++) {
    let from = at + rowOf(y) * stride;
    for (let x = 0; x < width; x++, from += step, to += channels) {
      if (isBgr) {
        data[to] = bytes[from + 2];
        data[to + 1] = bytes[from + 1];
        data[to + 2] = bytes[from];
        if (channels === 4) data[to + 3] = bytes[from + 3];
      } else {
        const value =
          bits === 16
            ? bytes[from] | (bytes[from + 1] << 8)
            : (bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24)) >>> 0;
        for (let c = 0; c < channels; c++)
          data[to + c] = Math.round((((value & fields[c].mask) >>> fields[c].shift) * 255) / fields[c].most);
      }
    }
  }
  return { data, width, height, channels };
}

/** Decompresses RLE to one palette index per pixel, rows in file order; skipped pixels keep index 0. */
function unpackRuns(bytes: Buffer, at: number, width: number, height: number, isHalf: boolean): Uint8Array {
  const out = new Uint8Array(width * height);
  let [x, y] = [0, 0];
  const put = (index: number) => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  while (y < height) {
    if (at + 2 > bytes.length) throw truncated();
    const [count, value] = [bytes[at], bytes[at + 1]];
    at += 2;
    if (count > 0) {
      const from = y * width + x;
      if (isHalf) for (let i = 0; i < count; i++) put(i % 2 ? value & 15 : value >> 4);
      else {
        out.fill(value, from, from + Math.max(0, Math.min(count, width - x)));
        x += count;
      }
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      need(bytes, at + 2);
      x += bytes[at];
      y += bytes[at + 1];
      at += 2;
    } else {
      const length = isHalf ? Math.ceil(value / 2) : value;
      need(bytes, at + length);
      for (let i = 0; i < value; i++)
        put(isHalf ? (i % 2 ? bytes[at + (i >> 1)] & 15 : bytes[at + (i >> 1)] >> 4) : bytes[at + i]);
      at += length + (length % 2);
    }
  }
  return out;
}

/** For an icon without an alpha channel: a pixel is opaque where its bit in the mask (rows bottom-up) is zero. Without a mask, all pixels are. */
function applyMask({ data, width, height, channels }: Raw8, bytes: Buffer, at: number): Raw8 {
  const stride = rowBytes(width, 1);
  if (at + stride * height > bytes.length)
    return channels === 4 ? { data: opaque(data), width, height, channels } : { data, width, height, channels };
  const out = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let c = 0; c < 3; c++) out[i * 4 + c] = data[i * channels + c];
    out[i * 4 + 3] = (bytes[at + (height - 1 - y) * stride + (x >> 3)] >> (7 - (x & 7))) & 1 ? 0 : 255;
  }
  return { data: out, width, height, channels: 4 };
}

function opaque(rgba: Uint8Array): Uint8Array {
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = 255;
  return rgba;
}
