/** The part of an image that a network sees, and the part that one of its values sees. Boxes are in fractions of the image; they may reach over its edges. */
import type { Box } from '../../src-main/contract/unlike.ts';

/** By the settings of a run: how images are fitted into a square, and the centre that is cut out of it. Without settings: all of the image. */
export function seenBox(
  parameters: Record<string, unknown>,
  { width, height }: { width: number; height: number },
): Box {
  const { sizePx, cropPx, fit } = parameters as { sizePx?: number; cropPx?: number; fit?: string };
  const share = sizePx && cropPx ? cropPx / sizePx : 1;
  const side = (fit === 'cover' ? Math.min(width, height) : Math.max(width, height)) * share;
  const isSquare = fit === 'cover' || fit === 'contain' || fit === 'pad';
  const [across, down] = isSquare ? [side / width, side / height] : [share, share];
  return { x: (1 - across) / 2, y: (1 - down) / 2, width: across, height: down };
}

/** The receptive field of the value in the middle, inside of the image. `input`: [rows, columns, channels]. */
export function fieldBox(sizePx: number, [rows, columns]: readonly number[], seen: Box): Box {
  const cut = (share: number, from: number, length: number): [number, number] => {
    const half = (Math.min(1, share) * length) / 2;
    const [low, high] = [from + length / 2 - half, from + length / 2 + half];
    return [Math.max(0, low), Math.min(1, high) - Math.max(0, low)];
  };
  const [x, width] = cut(sizePx / columns, seen.x, seen.width);
  const [y, height] = cut(sizePx / rows, seen.y, seen.height);
  return { x, y, width, height };
}
