/** The lossless compressions of TIFF (TIFF 6.0, Adobe's technical notes, libtiff's Zstandard) and its predictors. */
import { inflateSync, zstdDecompressSync } from 'node:zlib';
import { compressions as c } from './tiff-picture.ts';
import { corrupt, DecodeError } from './raw.ts';

/** Unpacks a strip or tile of `size` bytes; the result can be shorter if the data is. Throws DecodeError. */
export function unpack(compression: number, packed: Buffer, size: number): Uint8Array {
  switch (compression) {
    case c.none:
      return packed;
    case c.lzw:
      return unpackLzw(packed, size);
    case c.packBits:
      return unpackBits(packed, size);
    case c.deflate:
    case c.deflateOld:
      return inflate(inflateSync, packed, size);
    default:
      return inflate(zstdDecompressSync, packed, size);
  }
}

/** Some programs pad the last strip to its full height or a little more; a bomb is refused. */
const slackBytes = 2 ** 16;

function inflate(method: typeof inflateSync | typeof zstdDecompressSync, packed: Buffer, size: number): Uint8Array {
  try {
    return method(packed, { maxOutputLength: size + slackBytes });
  } catch {
    throw corrupt('a strip or tile cannot be unpacked');
  }
}

function unpackBits(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let to = 0;
  for (let from = 0; from < packed.length && to < size;) {
    const code = packed[from++];
    if (code === 128) continue;
    const length = code > 128 ? 257 - code : code + 1;
    if (code > 128) out.fill(packed[from++], to, to + length);
    else {
      out.set(packed.subarray(from, from + Math.min(length, size - to)), to);
      from += length;
    }
    to += length;
  }
  return out.subarray(0, Math.min(to, size));
}

const [clearCode, endCode, maxCodes] = [256, 257, 4096];

/** LZW with codes of 9 to 12 bits, most significant bit first, whose width grows one code early. */
function unpackLzw(packed: Uint8Array, size: number): Uint8Array {
  if (packed[0] === 0 && packed[1] & 1)
    throw new DecodeError(
      'unsupported-format',
      'Winnow does not read TIFF with the LZW compression of before 1990 yet.',
    );
  const out = new Uint8Array(size);
  const [prefixes, lasts, lengths] = [new Uint16Array(maxCodes), new Uint8Array(maxCodes), new Uint16Array(maxCodes)];
  for (let i = 0; i < 256; i++) [lasts[i], lengths[i]] = [i, 1];
  let [to, bits, held, buffer, next, previous] = [0, 9, 0, 0, endCode + 1, -1];
  for (let from = 0; to < size;) {
    while (held < bits && from < packed.length) {
      buffer = ((buffer << 8) | packed[from++]) & 0xffffff;
      held += 8;
    }
    if (held < bits) break;
    const code = (buffer >> (held - bits)) & ((1 << bits) - 1);
    held -= bits;
    if (code === endCode) break;
    if (code === clearCode) {
      [bits, next, previous] = [9, endCode + 1, -1];
      continue;
    }
    if (code > next || (code === next && previous < 0) || (code > endCode && previous < 0))
      throw corrupt('a code of LZW that is not defined');
    const isNew = code === next;
    const source = isNew ? previous : code;
    const length = lengths[source];
    let first = source;
    for (let i = to + length - 1; i >= to; i--) {
      if (i < size) out[i] = lasts[first];
      if (i > to) first = prefixes[first];
    }
    const firstByte = lasts[first];
    to += length;
    if (isNew && to < size) out[to] = firstByte;
    if (isNew) to++;
    if (previous >= 0 && next < maxCodes) {
      [prefixes[next], lasts[next], lengths[next]] = [previous, firstByte, lengths[previous] + 1];
      next++;
      if (next + 1 >= 1 << bits && bits < 12) bits++;
    }
    previous = code;
  }
  return out.subarray(0, Math.min(to, size));
}

/** Undoes horizontal differences. `step`: the samples per pixel. */
export function addHorizontally(values: Uint8Array | Uint16Array | Uint32Array, rowValues: number, step: number): void {
  for (let row = 0; row + rowValues <= values.length; row += rowValues)
    for (let i = row + step; i < row + rowValues; i++) values[i] += values[i - step];
}

/** Undoes the floating-point predictor: each row has differences of bytes, with the most significant bytes of all values first. The result is little-endian. */
export function joinFloatBytes(bytes: Uint8Array, rowValues: number, step: number, valueBytes: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const rowBytes = rowValues * valueBytes;
  for (let row = 0; row + rowBytes <= bytes.length; row += rowBytes) {
    for (let i = row + step; i < row + rowBytes; i++) bytes[i] += bytes[i - step];
    for (let i = 0; i < rowValues; i++)
      for (let b = 0; b < valueBytes; b++)
        out[row + i * valueBytes + valueBytes - 1 - b] = bytes[row + b * rowValues + i];
  }
  return out;
}
