/** The luminance of an image at a size at which a changed digit in a screenshot is still visible. */
import type { Detail } from '../duplicate/detail.ts';
import { takePixels, type Opened } from './decode.ts';

const sidePx = 1024;

/** The image with at most 1,024 px on the longer side, in gray. Throws DecodeError. */
export async function makeDetail(image: Opened): Promise<Detail> {
  const { data, info } = await takePixels(image, (pipeline) =>
    pipeline.resize(sidePx, sidePx, { fit: 'inside', withoutEnlargement: true }).toColourspace('b-w'),
  );
  const { width, height, channels } = info;
  const luma = new Uint8Array(width * height);
  for (let i = 0; i < luma.length; i++) luma[i] = data[i * channels];
  return { luma, width, height };
}
