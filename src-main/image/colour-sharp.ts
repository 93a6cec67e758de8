/**
 * Images that sharp decodes but whose colours or uncovered parts it does not handle: AVIF with code points instead of a profile, 16-bit gray with a profile, and a
 * GIF whose first frame is smaller than its canvas. Their samples are read as they are stored; `decode.ts` then converts them as those of our own decoders.
 */
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { heifPicture } from './boxes.ts';
import { partialFrame, whiteOutside } from './gif-frame.ts';
import { profileOfCicp, rgbOfGray } from './profile.ts';
import { checkSize, maxSeconds, withTimeout, type Raw } from './raw.ts';

/** The samples of such an image; null for all others. */
export async function samplesFromSharp(bytes: Buffer, options: SharpOptions, meta: Metadata): Promise<Raw | null> {
  if (meta.format === 'heif' && !meta.icc) {
    const { cicp } = heifPicture(bytes);
    const stated = cicp ? profileOfCicp(cicp) : {};
    return stated.profile || stated.notice ? readSamples(bytes, options, meta, stated) : null;
  }
  if (meta.format === 'gif' && !meta.hasAlpha) {
    const area = partialFrame(bytes);
    if (!area) return null;
    const raw = await readSamples(bytes, options, meta, {});
    if (raw.channels === 3) whiteOutside(raw.data as Uint8Array, raw.width, area);
    return raw;
  }
  if (meta.space === 'grey16' && meta.icc) return readSamples(bytes, options, meta, { profile: rgbOfGray(meta.icc) });
  return null;
}

/** RGB or RGBA of 8 or 16 bits, after orientation; gray is copied to all three. */
export async function readSamples(
  bytes: Buffer,
  options: SharpOptions,
  meta: Pick<Metadata, 'depth' | 'width' | 'height' | 'pages'>,
  stated: Pick<Raw, 'profile' | 'notice'>,
): Promise<Raw> {
  checkSize(meta.width, meta.height);
  const isDeep = meta.depth !== 'uchar';
  const { data, info } = await withTimeout(
    sharp(bytes, { ...options, ignoreIcc: true })
      .timeout({ seconds: maxSeconds })
      .autoOrient()
      .toColourspace(isDeep ? 'rgb16' : 'srgb')
      .raw({ depth: isDeep ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  );
  return {
    data: isDeep ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2) : data,
    width: info.width,
    height: info.height,
    channels: info.channels === 4 ? 4 : 3,
    frames: meta.pages ?? 1,
    ...stated,
  };
}

/** An AVIF sequence under the brand of a still image, which is all that libvips recognises: the file has its primary image in the same place. */
export function asStill(avif: Buffer): Buffer {
  if (avif.toString('latin1', 8, 12) !== 'avis') return avif;
  const still = Buffer.from(avif);
  still.write('avif', 8, 'latin1');
  return still;
}
