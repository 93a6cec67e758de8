/**
 * What makes two images equal: all samples of all frames in their own depth, with their transparency. The standard pixels are a lossy view (8 bits, on white, the
 * first frame), so they alone never prove that two files hold the same image; they are part of the identity because the same samples can look different with
 * another profile.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { Identity } from '../duplicate/comparer.ts';
import { takePixels, type Opened } from './decode.ts';
import { pixelBudget } from './budget.ts';
import { formats } from './format.ts';
import { asRgb } from './pixels.ts';
import { maxPixels, withTimeout, type Raw, type Samples } from './raw.ts';

/** The samples of all frames below each other: [height × frames, width, channels]. */
interface Frames {
  data: Samples;
  height: number;
  width: number;
  channels: number;
  hasAlpha: boolean;
  frames: number;
}

/** The identity of an image. `bytes`: its file, with this hash. It decodes everything, so it is used for few images. Throws DecodeError. */
export async function identityOf(image: Opened, bytes: Buffer, sha256: string): Promise<Identity> {
  // A file of which not everything is decoded, such as further bands, raw samples or frames, equals only a copy of itself. So does a drawing, and a file whose
  // decoder gives no samples but a picture in sRGB (JPEG XL).
  const onlyItself = { hash: sha256, hasAlpha: null, bits: 0 };
  const { decoded, format } = image;
  const isView = !decoded && (formats[format].decoder === 'worker' || format === 'svg' || format === 'svgz');
  if (image.notice !== undefined || isView) return onlyItself;
  if (decoded?.isReduced) return { ...onlyItself, isReduced: true };
  const all = decoded ? ofRaw(decoded) : await ofSharp(image, bytes);
  if (all?.frames !== image.frames) return onlyItself;
  const { data, info } = await takePixels(image, (pipeline) => pipeline.toColourspace('srgb'));
  const { channels, hasAlpha, samples } = colourOf(all);
  const hash = createHash('sha256')
    .update(
      `${info.width} ${info.height} ${all.width} ${all.height} ${all.frames} ${samples.constructor.name} ${channels}`,
    )
    .update(asRgb(data, info.width * info.height, info.channels))
    .update(bytesOf(samples))
    .digest('hex');
  return { hash, hasAlpha, bits: samples.BYTES_PER_ELEMENT * 8 };
}

const bytesOf = (samples: Samples) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);

function ofRaw({ data, width, height, channels, isCmyk, frames = 1 }: Raw): Frames | null {
  return frames === 1 ? { data, width, height, channels, hasAlpha: channels === 4 && !isCmyk, frames } : null;
}

/** The samples as sharp reads them, without their profile being applied. Null if sharp does not read all frames of the file. */
async function ofSharp(image: Opened, bytes: Buffer): Promise<Frames | null> {
  const options = {
    pages: image.frames > 1 ? -1 : 1,
    ignoreIcc: true,
    limitInputPixels: maxPixels,
    failOn: 'error',
  } as const;
  const meta = await withTimeout(sharp(bytes, { limitInputPixels: maxPixels }).metadata());
  if ((meta.pages ?? 1) !== image.frames || image.width * image.height * image.frames > maxPixels) return null;
  const isDeep = meta.depth === 'ushort';
  const { data, info } = await pixelBudget.hold(image.width * image.height * image.frames, () => {
    const pipeline = sharp(bytes, options);
    if (image.frames === 1) pipeline.autoOrient();
    return withTimeout(
      (meta.space === 'cmyk' ? pipeline.toColourspace('cmyk') : pipeline.toColourspace(isDeep ? 'rgb16' : 'srgb'))
        .raw({ depth: isDeep ? 'ushort' : 'uchar' })
        .toBuffer({ resolveWithObject: true }),
    );
  });
  return {
    data: isDeep
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    width: info.width,
    height: info.height,
    channels: info.channels,
    hasAlpha: meta.hasAlpha ?? false,
    frames: image.frames,
  };
}

/** Removes what does not distinguish images: an alpha channel that is opaque everywhere, and colours of an image that is gray. */
function colourOf({ data, channels, hasAlpha }: Frames): { samples: Samples; channels: number; hasAlpha: boolean } {
  const opaque = data instanceof Uint16Array ? 65535 : 255;
  let isOpaque = hasAlpha;
  for (let i = channels - 1; isOpaque && i < data.length; i += channels) isOpaque = data[i] === opaque;
  const colours = channels - Number(hasAlpha);
  let isGray = colours === 3;
  for (let i = 0; isGray && i < data.length; i += channels) isGray = data[i] === data[i + 1] && data[i] === data[i + 2];
  const used = [
    ...Array.from({ length: isGray ? 1 : colours }, (_, i) => i),
    ...(hasAlpha && !isOpaque ? [channels - 1] : []),
  ];
  if (used.length === channels) return { samples: data, channels, hasAlpha };
  const samples = new (data.constructor as Uint8ArrayConstructor)((data.length / channels) * used.length);
  for (let from = 0, to = 0; from < data.length; from += channels)
    for (const channel of used) samples[to++] = data[from + channel];
  return { samples, channels: used.length, hasAlpha: hasAlpha && !isOpaque };
}
