/** Truevision TGA, raw or RLE. The format has no magic number: only the extension identifies it. */
import { checkSize, corrupt, need, truncated, type Raw } from './raw.ts';

const headerBytes = 18;

/** Throws DecodeError. */
export function decodeTga(bytes: Buffer): Raw {
  need(bytes, headerBytes);
  const [idBytes, hasMap, kind] = bytes;
  const [mapFrom, mapCount, mapBits] = [bytes.readUInt16LE(3), bytes.readUInt16LE(5), bytes[7]];
  const [width, height, bits, flags] = [bytes.readUInt16LE(12), bytes.readUInt16LE(14), bytes[16], bytes[17]];
  const base = kind & 7; // 1 palette, 2 colour, 3 gray; plus 8 with RLE
  if (
    ![1, 2, 3, 9, 10, 11].includes(kind) ||
    ![8, 15, 16, 24, 32].includes(bits) ||
    hasMap > 1 ||
    (base === 1) !== (base === 1 && hasMap === 1 && bits === 8)
  )
    throw corrupt('the header is not that of a TGA');
  checkSize(width, height);
  const mapAt = headerBytes + idBytes;
  const mapStep = Math.ceil(mapBits / 8);
  const at = mapAt + (hasMap ? mapCount * mapStep : 0);
  need(bytes, at);
  const step = Math.ceil(bits / 8);
  const count = width * height;
  const pixels = kind > 8 ? unpackRuns(bytes, at, count, step) : bytes.subarray(at, at + count * step);
  need(pixels, count * step);

  const alphaBits = flags & 15;
  const channels =
    base === 3 ? (bits === 16 ? 4 : 1) : bits === 32 && alphaBits ? 4 : base === 1 && mapBits === 32 ? 4 : 3;
  const data = new Uint8Array(count * channels);
  const put = (source: Uint8Array, from: number, sourceBits: number, to: number) => {
    if (sourceBits <= 16) {
      const value = source[from] | (source[from + 1] << 8);
      for (let c = 0; c < 3; c++) data[to + c] = Math.round((((value >> (10 - c * 5)) & 31) * 255) / 31);
    } else for (let c = 0; c < 3; c++) data[to + c] = source[from + 2 - c];
    if (channels === 4) data[to + 3] = sourceBits === 32 ? source[from + 3] : 255;
  };
  const [fromRight, fromTop] = [Boolean(flags & 16), Boolean(flags & 32)];
  for (let i = 0; i < count; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const to = ((fromTop ? y : height - 1 - y) * width + (fromRight ? width - 1 - x : x)) * channels;
    if (base === 3) {
      data.fill(pixels[i * step], to, to + Math.min(3, channels));
      if (channels === 4) data[to + 3] = pixels[i * step + 1];
    } else if (base === 1) {
      const index = pixels[i] - mapFrom;
      if (index >= 0 && index < mapCount) put(bytes, mapAt + index * mapStep, mapBits, to);
    } else put(pixels, i * step, bits, to);
  }
  return { data, width, height, channels };
}

function unpackRuns(bytes: Buffer, at: number, count: number, step: number): Uint8Array {
  // A run gives at most 128 pixels for one byte and one pixel: a small file that claims a huge image is refused before memory is allocated.
  if (count > ((bytes.length - at) / (step + 1)) * 128 && count > (bytes.length - at) * 128) throw truncated();
  const out = new Uint8Array(count * step);
  for (let to = 0; to < out.length;) {
    need(bytes, at + 1);
    const [isRun, pixels] = [bytes[at] & 128, (bytes[at] & 127) + 1];
    const length = Math.min(pixels * step, out.length - to);
    need(bytes, at + 1 + (isRun ? step : length));
    if (isRun) for (let i = 0; i < length; i++) out[to + i] = bytes[at + 1 + (i % step)];
    else out.set(bytes.subarray(at + 1, at + 1 + length), to);
    at += 1 + (isRun ? step : pixels * step);
    to += length;
  }
  return out;
}
