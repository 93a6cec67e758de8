/**
 * HEIC through libheif, which applies the rotation and mirroring stored in the file. The picture is the primary image; the others are counted as frames. What the HEVC decoder cannot
 * decode it leaves out without an error, so that a picture which may lack a part is decoded a second time in other memory: if it differs, it is damaged.
 */
import { boxAt, heifFrames, heifKind, heifPicture } from './boxes.ts';
import { decodeHeif, HeifError, type HeifImage } from './heif-library.ts';
import { profileOfCicp } from './profile.ts';
import { checkSize, corrupt, DecodeError, type Raw } from './raw.ts';

/** Throws DecodeError. */
export async function decodeHeic(bytes: Buffer): Promise<Raw> {
  // Every image and tile of the file states its size in an 'ispe' box.
  for (let at = bytes.indexOf('ispe'); at >= 0 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    checkSize(bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12));
  }
  const { icc, cicp, bits: storedBits = 8 } = heifPicture(bytes);
  const decode = (fill: number) => decodeHeif(bytes, storedBits > 8, fill);
  try {
    const image = await decode(0);
    if (mayLackPart(image) && !isSame(image, await decode(0x55)))
      throw corrupt('a part of the picture cannot be decoded');
    const { data, width, height, images, bits } = image;
    if (data instanceof Uint16Array) scale(data, bits);
    if (image.isPremultiplied) unpremultiply(data, data instanceof Uint16Array ? 65_535 : 255);
    return {
      data,
      width,
      height,
      channels: 4,
      frames: Math.max(images, heifFrames(bytes)),
      ...(icc ? { profile: Uint8Array.from(icc) } : cicp && profileOfCicp(cicp)),
    };
  } catch (error) {
    throw error instanceof HeifError ? refusal(error, bytes) : error;
  }
}

/** The kinds of items that hold a picture in another code than HEVC. */
const unreadKinds = new Map([
  ['av01', 'AV1'],
  ['avc1', 'H.264'],
  ['evc1', 'EVC'],
  ['j2k1', 'JPEG 2000'],
  ['jpeg', 'JPEG'],
  ['mski', 'mask'],
  ['unci', 'uncompressed'],
  ['vvc1', 'H.266'],
]);

function refusal({ isOfMemory }: HeifError, bytes: Buffer): DecodeError {
  if (heifFrames(bytes) > 0 && !boxAt(bytes, 'meta', 'pitm'))
    return new DecodeError('unsupported-format', 'Winnow does not read HEIC sequences without a still image yet.');
  if (isOfMemory) return new DecodeError('too-large', 'The HEIC needs more memory than a decoder may use.');
  const unread = unreadKinds.get(heifKind(bytes) ?? '');
  if (unread)
    return new DecodeError('unsupported-format', `Winnow does not read HEIF files with ${unread} pictures yet.`);
  return corrupt('its picture cannot be decoded');
}

/** True if an area of 4 × 4 pixels has the one colour that zeros in memory have. No such area is missed: a block of the decoder has at least 8 × 8 pixels, and its edges are smoothed. */
function mayLackPart({ data, width, height, bits, isYcc, hasAlpha }: HeifImage): boolean {
  const some = 2 ** (bits - 2);
  for (let y = 0; y + 4 <= height; y += 4)
    for (let x = 0; x + 4 <= width; x += 4) {
      const from = (y * width + x) * 4;
      const to = from + (3 * width + 3) * 4;
      if (hasAlpha && data[from + 3] === 0 && data[to + 3] === 0) return true;
      if (data[from] !== 0 || data[to] !== 0) continue;
      const [green, blue] = [data[from + 1], data[from + 2]];
      if (green !== data[to + 1] || blue !== data[to + 2]) continue;
      if (isYcc ? (green === 0) !== (blue === 0) && green + blue >= some : green + blue === 0) return true;
    }
  return false;
}

const isSame = (one: HeifImage, other: HeifImage): boolean =>
  one.width === other.width && Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
const bytesOf = ({ data }: HeifImage) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Samples of 10 or 12 bits become 16. */
function scale(data: Uint16Array, bits: number): void {
  const factor = 65_535 / (2 ** bits - 1);
  for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i] * factor);
}

function unpremultiply(rgba: Uint8Array | Uint16Array, most: number): void {
  for (let i = 0; i < rgba.length; i += 4)
    for (let c = i; c < i + 3 && rgba[i + 3] > 0; c++)
      rgba[c] = Math.min(most, Math.round((rgba[c] * most) / rgba[i + 3]));
}
