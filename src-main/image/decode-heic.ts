/**
 * HEIC through libheif compiled to WebAssembly, which applies the rotation and mirroring stored in the file. The picture is the primary image; the others are counted as
 * frames.
 */
import { heifPicture, heifFrames } from './boxes.ts';
import { profileOfCicp } from './profile.ts';
import { checkSize, corrupt, DecodeError, type Raw } from './raw.ts';

/** Throws DecodeError if the image is too large or of a kind that libheif does not read, and the library's error if it is damaged. */
export async function decodeHeic(bytes: Buffer): Promise<Raw> {
  // Every image and tile of the file states its size in an 'ispe' box.
  for (let at = bytes.indexOf('ispe'); at >= 0 && at + 16 <= bytes.length; at = bytes.indexOf('ispe', at + 4)) {
    checkSize(bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12));
  }
  const { default: library } = await import('libheif-js/wasm-bundle.js');
  await library.ready;
  const decoder = new library.HeifDecoder();
  const images = decoder.decode(bytes);
  try {
    const image = images.find((one) => one.is_primary()) ?? images.at(0);
    if (!image) throw heifFrames(bytes) > 0 ? sequenceOnly() : corrupt('it has no image');
    const { icc, cicp, bits = 8 } = heifPicture(bytes);
    const isDeep = bits > 8;
    const { heif_chroma_interleaved_RGBA: bytewise, heif_chroma_interleaved_RRGGBBAA_LE: words } = library.heif_chroma;
    const decoded = await library.heif_js_decode_image2(
      image.handle,
      library.heif_colorspace.heif_colorspace_RGB,
      isDeep ? words : bytewise,
    );
    const plane = decoded?.channels?.find(({ id }) => id === library.heif_channel.heif_channel_interleaved);
    if (!decoded || !plane) throw corrupt(decoded?.message ?? 'the image cannot be decoded');
    const { width, height } = plane;
    const data = samplesOf(plane, isDeep);
    library.heif_image_release(decoded.image);
    if (image.is_premultiplied_alpha()) unpremultiply(data, isDeep ? 65_535 : 255);
    return {
      data,
      width,
      height,
      channels: 4,
      frames: Math.max(images.length, heifFrames(bytes)),
      ...(icc ? { profile: Uint8Array.from(icc) } : cicp && profileOfCicp(cicp)),
    };
  } finally {
    for (const image of images) image.free();
    decoder.decoder?.delete();
  }
}

const sequenceOnly = () =>
  new DecodeError('unsupported-format', 'Winnow does not read HEIC sequences without a still image yet.');

/** Copies the samples out of the library's memory; those of 10 or 12 bits are scaled to 16. */
function samplesOf(
  {
    data,
    stride,
    width,
    height,
    bits_per_pixel: bits,
  }: { data: Uint8Array } & Record<'stride' | 'width' | 'height' | 'bits_per_pixel', number>,
  isDeep: boolean,
): Uint8Array | Uint16Array {
  const row = width * 4;
  if (!isDeep) {
    const out = new Uint8Array(row * height);
    for (let y = 0; y < height; y++) out.set(data.subarray(y * stride, y * stride + row), y * row);
    return out;
  }
  const out = new Uint16Array(row * height);
  const scale = 65_535 / (2 ** bits - 1);
  for (let y = 0, to = 0; y < height; y++)
    for (let at = y * stride; at < y * stride + row * 2; at += 2, to++)
      out[to] = Math.round((data[at] | (data[at + 1] << 8)) * scale);
  return out;
}

function unpremultiply(rgba: Uint8Array | Uint16Array, most: number): void {
  for (let i = 0; i < rgba.length; i += 4)
    for (let c = i; c < i + 3 && rgba[i + 3] > 0; c++)
      rgba[c] = Math.min(most, Math.round((rgba[c] * most) / rgba[i + 3]));
}
