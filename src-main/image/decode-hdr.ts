/** Radiance HDR (RGBE): scene-linear pixels with a shared exponent, packed in runs of the old or the new kind. XYZE is not read. */
import { linearToRaw } from './linear.ts';
import { checkSize, corrupt, DecodeError, need, truncated, type Raw } from './raw.ts';

/** Throws DecodeError. */
export function decodeHdr(bytes: Buffer): Raw {
  const text = bytes.toString('latin1', 0, 64 * 1024);
  const header = /^#\?[^\n]*\n(?:[^\n]+\n)*?\s*\n([-+][XY]) (\d+) ([-+][XY]) (\d+)\s*?\n/.exec(text);
  if (!header) throw text.includes('\n\n') ? corrupt('its header gives no size') : truncated();
  if (/^FORMAT=32-bit_rle_xyze/im.test(header[0]))
    throw new DecodeError('unsupported-format', 'Winnow does not read Radiance HDR files in XYZ.');
  const [whole, slow, lines, fast, columns] = header;
  if (slow[1] === fast[1]) throw corrupt('its header gives one side twice');
  const [count, length] = [Number(lines), Number(columns)];
  checkSize(length, count);
  // A run of two bytes gives at most 127 values of a line's four components.
  if (count * length * 4 > (bytes.length - whole.length) * 128) throw truncated();
  const isRows = slow[1] === 'Y';
  const [width, height] = isRows ? [length, count] : [count, length];
  const values = new Float32Array(width * height * 3);
  const line = new Uint8Array(length * 4);
  let at = whole.length;
  for (let i = 0; i < count; i++) {
    at = readLine(bytes, at, line, length);
    // '-Y +X' is the usual order: from the top, from the left. +Y counts from the bottom, -X from the right.
    const across = slow === '-Y' || slow === '+X' ? i : count - 1 - i;
    for (let j = 0; j < length; j++) {
      const along = fast === '+X' || fast === '-Y' ? j : length - 1 - j;
      const to = (isRows ? across * width + along : along * width + across) * 3;
      const exponent = line[j * 4 + 3];
      const scale = exponent ? 2 ** (exponent - 136) : 0;
      for (let c = 0; c < 3; c++) values[to + c] = line[j * 4 + c] * scale;
    }
  }
  return linearToRaw(values, width, height, 3);
}

/** Reads a line of RGBE pixels. Returns where the next line starts. */
function readLine(bytes: Buffer, at: number, line: Uint8Array, length: number): number {
  need(bytes, at + 4);
  const isNew =
    length >= 8 && length < 32768 && bytes[at] === 2 && bytes[at + 1] === 2 && bytes.readUInt16BE(at + 2) === length;
  return isNew ? readPlanes(bytes, at + 4, line, length) : readPixels(bytes, at, line, length);
}

/** Four components, each packed in runs. */
function readPlanes(bytes: Buffer, start: number, line: Uint8Array, length: number): number {
  let at = start;
  for (let c = 0; c < 4; c++)
    for (let i = 0; i < length;) {
      need(bytes, at + 2);
      const code = bytes[at++];
      const run = code > 128 ? code - 128 : code;
      if (run === 0 || i + run > length) throw corrupt('a run is longer than its line');
      if (code <= 128) need(bytes, at + run);
      for (let k = 0; k < run; k++, i++) line[i * 4 + c] = bytes[code > 128 ? at : at + k];
      at += code > 128 ? 1 : run;
    }
  return at;
}

/** Whole pixels; one with the colour (1, 1, 1) repeats the pixel before it. */
function readPixels(bytes: Buffer, start: number, line: Uint8Array, length: number): number {
  let at = start;
  let shift = 0;
  for (let i = 0; i < length; at += 4) {
    need(bytes, at + 4);
    if (bytes[at] === 1 && bytes[at + 1] === 1 && bytes[at + 2] === 1 && i > 0) {
      for (let run = Math.min(length - i, bytes[at + 3] << shift); run > 0; run--, i++)
        line.copyWithin(i * 4, i * 4 - 4, i * 4);
      shift = Math.min(24, shift + 8);
    } else {
      line.set(bytes.subarray(at, at + 4), i++ * 4);
      shift = 0;
    }
  }
  return at;
}
