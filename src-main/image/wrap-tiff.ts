/** Puts samples into an uncompressed TIFF in memory, so that sharp can read them with their ICC profile, depth and orientation. */
import { grayAsRgb } from './profile-matrix.ts';
import type { Raw } from './raw.ts';

const short = 3;
const long = 4;
const undefinedType = 7;

/** `raw`: 8 or 16 bits per sample. TIFF 6.0, little-endian, one strip. */
export function wrapTiff(raw: Raw): Buffer {
  const { data, width, height, channels, isCmyk, profile, orientation } =
    raw.channels === 1 && raw.profile && raw.data instanceof Uint16Array
      ? { ...raw, ...grayAsRgb(raw.data, raw.profile) }
      : raw;
  const bits = data.BYTES_PER_ELEMENT * 8;
  const pixels = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const tail: Buffer[] = [];
  const header = 8;
  const isRgb = channels >= 3 && !isCmyk;
  const entries: [tag: number, type: number, values: number[] | Uint8Array][] = [
    [256, long, [width]],
    [257, long, [height]],
    [258, short, new Array<number>(channels).fill(bits)],
    [259, short, [1]],
    [262, short, [isCmyk ? 5 : isRgb ? 2 : 1]],
    [273, long, [0]], // the strip's offset follows below
    [274, short, [orientation ?? 1]],
    [277, short, [channels]],
    [278, long, [height]],
    [279, long, [pixels.length]],
    [284, short, [1]],
  ];
  if (channels === 4 && !isCmyk) entries.push([338, short, [2]]); // unassociated alpha
  if (profile) entries.push([34675, undefinedType, profile]);
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length, 0);
  let at = header + directory.length;
  let stripEntry = 0;
  for (const [i, [tag, type, values]] of entries.entries()) {
    const entry = 2 + i * 12;
    directory.writeUInt16LE(tag, entry);
    directory.writeUInt16LE(type, entry + 2);
    directory.writeUInt32LE(values.length, entry + 4);
    const bytes =
      values instanceof Uint8Array
        ? Buffer.from(values)
        : Buffer.from((type === short ? Uint16Array : Uint32Array).from(values).buffer);
    if (bytes.length <= 4) bytes.copy(directory, entry + 8);
    else {
      directory.writeUInt32LE(at, entry + 8);
      const padded = bytes.length % 2 ? Buffer.concat([bytes, Buffer.alloc(1)]) : bytes;
      tail.push(padded);
      at += padded.length;
    }
    if (tag === 273) stripEntry = entry;
  }
  directory.writeUInt32LE(at, stripEntry + 8);
  const head = Buffer.from([0x49, 0x49, 0x2a, 0, header, 0, 0, 0]);
  return Buffer.concat([head, directory, ...tail, pixels]);
}
