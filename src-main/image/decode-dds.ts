/** DDS: the largest level of the first surface (face, slice or texture), uncompressed or in blocks (BC1 to BC5). Other kinds are named. */
import { unpackBlocks, type BlockKind } from './dds-blocks.ts';
import { checkSize, corrupt, DecodeError, need, type Raw } from './raw.ts';

/** Bit masks of a pixel in little-endian; `alpha` 0: none. `isGray`: the red mask is the luminance. */
interface Layout {
  bits: number;
  masks: readonly [red: number, green: number, blue: number, alpha: number];
  isGray?: boolean;
}

const fourCC: Record<string, BlockKind> = {
  DXT1: 'BC1',
  DXT2: 'BC2',
  DXT3: 'BC2',
  DXT4: 'BC3',
  DXT5: 'BC3',
  ATI1: 'BC4',
  BC4U: 'BC4',
  BC4S: 'BC4 signed',
  ATI2: 'BC5',
  BC5U: 'BC5',
  BC5S: 'BC5 signed',
};

const rgba8: Layout = { bits: 32, masks: [0xff, 0xff00, 0xff0000, 0xff000000] };
const bgra8: Layout = { bits: 32, masks: [0xff0000, 0xff00, 0xff, 0xff000000] };
const gray8: Layout = { bits: 8, masks: [0xff, 0, 0, 0], isGray: true };

/** By DXGI_FORMAT of the DX10 header. */
const dxgi: Record<number, BlockKind | Layout> = {
  ...Object.fromEntries([70, 71, 72].map((id) => [id, 'BC1'])),
  ...Object.fromEntries([73, 74, 75].map((id) => [id, 'BC2'])),
  ...Object.fromEntries([76, 77, 78].map((id) => [id, 'BC3'])),
  ...Object.fromEntries([79, 80].map((id) => [id, 'BC4'])),
  81: 'BC4 signed',
  ...Object.fromEntries([82, 83].map((id) => [id, 'BC5'])),
  84: 'BC5 signed',
  ...Object.fromEntries([27, 28, 29].map((id) => [id, rgba8])),
  ...Object.fromEntries([87, 90, 91].map((id) => [id, bgra8])),
  ...Object.fromEntries([88, 92, 93].map((id) => [id, { ...bgra8, masks: [0xff0000, 0xff00, 0xff, 0] }])),
  61: gray8,
  85: { bits: 16, masks: [0xf800, 0x7e0, 0x1f, 0] },
  86: { bits: 16, masks: [0x7c00, 0x3e0, 0x1f, 0x8000] },
  115: { bits: 16, masks: [0xf00, 0xf0, 0xf, 0xf000] },
};

const unread = (what: string) => new DecodeError('unsupported-format', `Winnow does not read DDS files in ${what}.`);

/** Throws DecodeError. */
export function decodeDds(bytes: Buffer): Raw {
  need(bytes, 128);
  const [height, width] = [bytes.readUInt32LE(12), bytes.readUInt32LE(16)];
  checkSize(width, height);
  const [flags, code, bits] = [bytes.readUInt32LE(80), bytes.toString('latin1', 84, 88), bytes.readUInt32LE(88)];
  const isVolume = (bytes.readUInt32LE(112) & 0x200000) !== 0;
  let isCube = (bytes.readUInt32LE(112) & 0x200) !== 0;
  const slices = isVolume ? bytes.readUInt32LE(24) : 1;
  let [at, textures] = [128, 1];
  let kind: BlockKind | Layout | undefined;
  if (flags & 4 && code === 'DX10') {
    need(bytes, (at = 148));
    const id = bytes.readUInt32LE(128);
    isCube ||= (bytes.readUInt32LE(136) & 4) !== 0;
    textures = Math.max(1, bytes.readUInt32LE(140));
    kind = dxgi[id];
    if (!kind) throw unread(id >= 97 && id <= 99 ? 'BC7' : id >= 94 && id <= 96 ? 'BC6H' : `the DXGI format ${id}`);
  } else if (flags & 4) {
    kind = fourCC[code];
    if (!kind)
      throw unread(/^[\x20-\x7e]{4}$/.test(code) ? `the format ${code}` : `the format ${bytes.readUInt32LE(84)}`);
  } else if (flags & 0x20040 || flags & 2) {
    if (![8, 16, 24, 32].includes(bits)) throw corrupt(`it has ${bits} bits per pixel`);
    const [red, green, blue, alpha] = [92, 96, 100, 104].map((mask) => bytes.readUInt32LE(mask));
    const isGray = (flags & 0x40) === 0;
    kind = isGray && bits === 8 ? gray8 : { bits, masks: [red, green, blue, flags & 3 ? alpha : 0], isGray };
  } else throw unread('this pixel format');
  const parts = [
    textures > 1 && `texture 1 of ${textures}`,
    slices > 1 && `slice 1 of ${slices}`,
    isCube && 'first face of a cube',
  ].filter((part) => part !== false);
  const common = {
    width,
    height,
    frames: textures * Math.max(1, slices) * (isCube ? 6 : 1),
    notice: parts.length ? parts.join(', ') : undefined,
  };
  return typeof kind === 'string'
    ? { ...common, ...unpackBlocks(bytes, at, width, height, kind) }
    : { ...common, ...unpackPixels(bytes, at, width * height, kind) };
}

function unpackPixels(
  bytes: Buffer,
  at: number,
  count: number,
  { bits, masks, isGray }: Layout,
): Pick<Raw, 'data' | 'channels'> {
  const step = bits / 8;
  need(bytes, at + count * step);
  const channels = masks[3] ? 4 : isGray ? 1 : 3;
  const sources = channels === 4 && isGray ? [0, 0, 0, 3] : [0, 1, 2, 3].slice(0, channels);
  const shifts = masks.map((mask) => (mask ? 31 - Math.clz32(mask & -mask) : 0));
  const most = masks.map((mask, i) => mask >>> shifts[i]);
  const data = new Uint8Array(count * channels);
  for (let i = 0; i < count; i++) {
    const pixel = bytes.readUIntLE(at + i * step, step);
    for (const [c, source] of sources.entries())
      data[i * channels + c] = most[source]
        ? Math.round((((pixel & masks[source]) >>> shifts[source]) * 255) / most[source])
        : source === 3
          ? 255
          : 0;
  }
  return { data, channels };
}
