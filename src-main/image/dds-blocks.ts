/** Blocks of 4 × 4 pixels (BC1 to BC5 of Direct3D 11). */
import { need, type Raw } from './raw.ts';

export type BlockKind = 'BC1' | 'BC2' | 'BC3' | 'BC4' | 'BC4 signed' | 'BC5' | 'BC5 signed';

/** Signed values are shown with -1 as black and 1 as white. BC5 has red and green only: blue is zero. */
export function unpackBlocks(
  bytes: Buffer,
  start: number,
  width: number,
  height: number,
  kind: BlockKind,
): Pick<Raw, 'data' | 'channels'> {
  const [columns, rows] = [Math.ceil(width / 4), Math.ceil(height / 4)];
  const step = kind === 'BC1' || kind.startsWith('BC4') ? 8 : 16;
  need(bytes, start + columns * rows * step);
  const channels = kind.startsWith('BC4') ? 1 : kind.startsWith('BC5') ? 3 : 4;
  const isSigned = kind.endsWith('signed');
  const data = new Uint8Array(width * height * channels);
  const block = new Uint8Array(16 * channels);
  for (let row = 0, at = start; row < rows; row++)
    for (let column = 0; column < columns; column++, at += step) {
      if (kind === 'BC1') colours(bytes, at, block, true);
      else if (kind === 'BC2' || kind === 'BC3') {
        colours(bytes, at + 8, block, false);
        if (kind === 'BC3') ramp(bytes, at, block, 4, 3, false);
        else for (let i = 0; i < 16; i++) block[i * 4 + 3] = ((bytes[at + (i >> 1)] >> ((i & 1) * 4)) & 15) * 17;
      } else {
        ramp(bytes, at, block, channels, 0, isSigned);
        if (channels === 3) ramp(bytes, at + 8, block, 3, 1, isSigned);
      }
      const most = Math.min(4, width - column * 4) * channels;
      for (let y = 0; y < Math.min(4, height - row * 4); y++)
        data.set(
          block.subarray(y * 4 * channels, y * 4 * channels + most),
          ((row * 4 + y) * width + column * 4) * channels,
        );
    }
  return { data, channels };
}

/** Two colours of 5, 6 and 5 bits, and two between them. With `hasHole`, the fourth is transparent if the first colour is not the larger one. */
function colours(bytes: Buffer, at: number, block: Uint8Array, hasHole: boolean): void {
  const [first, second] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
  const wide = (packed: number) => {
    const [r, g, b] = [packed >> 11, (packed >> 5) & 63, packed & 31];
    return [(r << 3) | (r >> 2), (g << 2) | (g >> 4), (b << 3) | (b >> 2), 255];
  };
  const [a, b] = [wide(first), wide(second)];
  const mix = (of: number, to: number) => a.map((value, c) => Math.floor((value * of + b[c] * to) / (of + to)));
  const palette = hasHole && first <= second ? [a, b, mix(1, 1), [0, 0, 0, 0]] : [a, b, mix(2, 1), mix(1, 2)];
  const indices = bytes.readUInt32LE(at + 4);
  for (let i = 0; i < 16; i++) block.set(palette[(indices >>> (i * 2)) & 3], i * 4);
}

/** Two values and the steps between them: six, or four with the two ends of the range. */
function ramp(
  bytes: Buffer,
  at: number,
  block: Uint8Array,
  channels: number,
  channel: number,
  isSigned: boolean,
): void {
  const value = (i: number) =>
    isSigned ? ((Math.max(-127, bytes.readInt8(at + i)) + 127) * 255) / 254 : bytes[at + i];
  const [a, b] = [value(0), value(1)];
  const isLong = isSigned ? bytes.readInt8(at) > bytes.readInt8(at + 1) : a > b;
  const between = isLong ? 7 : 5;
  const palette = [
    a,
    b,
    ...Array.from({ length: between - 1 }, (_, i) => (a * (between - 1 - i) + b * (i + 1)) / between),
    ...(isLong ? [] : [0, 255]),
  ];
  for (let i = 0; i < 16; i++) {
    const bit = i * 3;
    const pair = bytes[at + 2 + (bit >> 3)] | ((bytes[at + 3 + (bit >> 3)] ?? 0) << 8);
    block[i * channels + channel] = Math.round(palette[(pair >> (bit & 7)) & 7]);
  }
}
