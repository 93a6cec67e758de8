/** Which part of an image a network sees. */
import type { Sample } from '../contract/types.ts';
import type { Box } from '../contract/unlike.ts';
import type { SubjectFrame } from './inside-subject.ts';

/**
 * The input of the network as a part of the image, in fractions of its sides. The middle of both is the same. With the fit `contain` it is larger than the image: the
 * rest is black.
 */
export function seenBox(frame: SubjectFrame, { width, height }: Pick<Sample, 'width' | 'height'>): Box {
  if (frame.shape === 'rectangle') return { x: 0, y: 0, width: 1, height: 1 };
  const { sizePx, cropPx, fit } = frame;
  const scale = fit === 'cover' ? sizePx / Math.min(width, height) : sizePx / Math.max(width, height);
  const [scaleX, scaleY] = fit === 'stretch' ? [sizePx / width, sizePx / height] : [scale, scale];
  const [seenWidth, seenHeight] = [cropPx / scaleX / width, cropPx / scaleY / height];
  return { x: (1 - seenWidth) / 2, y: (1 - seenHeight) / 2, width: seenWidth, height: seenHeight };
}
