/** Photoshop documents: the flattened image that is stored after the layers, uncompressed or PackBits. The layers themselves are not composited. */
import { checkSize, corrupt, DecodeError, need, type Raw } from './raw.ts';

const modes = { gray: 1, palette: 2, rgb: 3, cmyk: 4, duotone: 8 } as const;

/** Throws DecodeError. */
export function decodePsd(bytes: Buffer): Raw {
  need(bytes, 30);
  const [planes, height, width, depth, mode] = [
    bytes.readUInt16BE(12),
    bytes.readUInt32BE(14),
    bytes.readUInt32BE(18),
    bytes.readUInt16BE(22),
    bytes.readUInt16BE(24),
  ];
  checkSize(width, height);
  const isGray = mode === modes.gray || mode === modes.duotone;
  const needed = isGray || mode === modes.palette ? 1 : mode === modes.rgb ? 3 : mode === modes.cmyk ? 4 : 0;
  if (bytes.readUInt16BE(4) === 2)
    throw new DecodeError('unsupported-format', 'Winnow does not read large Photoshop documents (PSB) yet.');
  if (!needed || (depth !== 8 && depth !== 16) || bytes.readUInt16BE(4) !== 1)
    throw new DecodeError(
      'unsupported-format',
      `Winnow does not read this kind of Photoshop file (mode ${mode}, ${depth} bits).`,
    );
  if (planes < needed) throw corrupt(`${planes} channels`);
  let at = 26;
  let layersAt = 0;
  let profile: Uint8Array | undefined;
  for (let section = 0; section < 3; section++) {
    // colours, resources, layers
    need(bytes, at + 4);
    layersAt = at + 4;
    at += 4 + bytes.readUInt32BE(at);
    if (section === 1) profile = profileOf(bytes.subarray(layersAt, at));
  }
  need(bytes, at + 2);
  const packing = bytes.readUInt16BE(at);
  if (packing > 1)
    throw new DecodeError('unsupported-format', `Winnow does not read Photoshop files with compression ${packing}.`);
  const hasAlpha = mode === modes.rgb && planes >= 4 && isTransparent(bytes.subarray(layersAt, at));
  const used = hasAlpha ? 4 : needed;
  const rowBytes = width * (depth / 8);
  const rows = packing ? unpackRows(bytes, at + 2, planes * height, used * height, rowBytes) : bytes.subarray(at + 2);
  need(rows, rowBytes * height * used);

  const isCmyk = mode === modes.cmyk;
  const channels = isGray ? 1 : hasAlpha || isCmyk ? 4 : 3;
  const count = width * height;
  const isDeep = depth === 16;
  const data = isDeep ? new Uint16Array(count * channels) : new Uint8Array(count * channels);
  const inverted = isCmyk ? 2 ** depth - 1 : 0; // stored inverted: the largest value is no ink
  for (let i = 0; i < count; i++) {
    const value = (plane: number) => {
      const from = plane * count + i;
      return isDeep ? (rows[from * 2] << 8) | rows[from * 2 + 1] : rows[from];
    };
    if (mode === modes.palette) for (let c = 0; c < 3; c++) data[i * 3 + c] = bytes[30 + c * 256 + value(0)];
    else for (let c = 0; c < channels; c++) data[i * channels + c] = inverted ? inverted - value(c) : value(c);
  }
  return { data, width, height, channels, profile, ...(isCmyk && { isCmyk }) };
}

const iccProfile = 1039;

/** The ICC profile among the image resources: each has a signature, a number, a name and a length, and is padded to an even length. */
function profileOf(resources: Buffer): Uint8Array | undefined {
  for (let at = 0; at + 12 <= resources.length;) {
    const id = resources.readUInt16BE(at + 4);
    at += 6 + ((resources[at + 6] + 2) & ~1);
    if (at + 4 > resources.length) return undefined;
    const length = resources.readUInt32BE(at);
    if (id === iccProfile) return Uint8Array.from(resources.subarray(at + 4, at + 4 + length));
    at += 4 + length + (length & 1);
  }
  return undefined;
}

/**
 * True if the first channel after the colours is the transparency of the flattened image, and not a saved selection or spot colour. A negative layer count marks
 * it, or in files with more than 8 bits a special block.
 */
function isTransparent(layers: Buffer): boolean {
  if (layers.length < 6) return false;
  const infoBytes = layers.readUInt32BE(0);
  if (infoBytes >= 2) return layers.readInt16BE(4) < 0;
  const masksAt = 4 + infoBytes;
  if (masksAt + 4 > layers.length) return false;
  for (
    let at = masksAt + 4 + layers.readUInt32BE(masksAt);
    at + 14 <= layers.length;
    at += 12 + Math.ceil(layers.readUInt32BE(at + 8) / 4) * 4
  ) {
    const key = layers.toString('latin1', at + 4, at + 8);
    if (key === 'Mtrn' || key === 'Mt16' || key === 'Mt32') return true;
    if (key === 'Lr16' || key === 'Lr32') return layers.readInt16BE(at + 12) < 0;
  }
  return false;
}

/** Decompresses PackBits: first come the lengths of all rows, then the rows, channel by channel. */
function unpackRows(bytes: Buffer, at: number, stored: number, wanted: number, rowBytes: number): Uint8Array {
  need(bytes, at + stored * 2);
  const out = new Uint8Array(wanted * rowBytes);
  let from = at + stored * 2;
  for (let row = 0; row < wanted; row++) {
    const end = from + bytes.readUInt16BE(at + row * 2);
    need(bytes, end);
    const rowEnd = (row + 1) * rowBytes;
    for (let to = row * rowBytes; from < end && to < rowEnd;) {
      const code = bytes.readInt8(from++);
      if (code === -128) continue;
      const length = code < 0 ? 1 - code : code + 1;
      if (code < 0) out.fill(bytes[from++], to, Math.min(rowEnd, to + length));
      else {
        need(bytes, from + length);
        out.set(bytes.subarray(from, from + Math.min(length, rowEnd - to)), to);
        from += length;
      }
      to += length;
    }
    from = end;
  }
  return out;
}
