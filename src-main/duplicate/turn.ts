/**
 * The eight symmetries of a square: the orientations of EXIF. A turn is three bits, applied in this order: mirror along the diagonal (1), horizontally (2),
 * vertically (4). An even number of mirrors is a rotation, an odd number a reflection.
 */
import type { Picture, Pixels } from './fingerprint.ts';

export const turns = [0, 1, 2, 3, 4, 5, 6, 7] as const;
export type Turn = (typeof turns)[number];
export type TurnKind = 'near' | 'rotated' | 'mirrored';

const diagonal = 1;
const across = 2;
const down = 4;

/** How a turn relates two copies. */
export function kindOf(turn: Turn): TurnKind {
  if (turn === 0) return 'near';
  const mirrors = (turn & 1) + ((turn >> 1) & 1) + (turn >> 2);
  return mirrors % 2 ? 'mirrored' : 'rotated';
}

function turnSquare(values: Float32Array, side: number, turn: Turn): Float32Array {
  if (turn === 0) return values;
  const out = new Float32Array(values.length);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const u = turn & across ? side - 1 - x : x;
      const v = turn & down ? side - 1 - y : y;
      out[y * side + x] = turn & diagonal ? values[u * side + v] : values[v * side + u];
    }
  }
  return out;
}

/** Applies a turn to a picture. */
export function turnPicture(picture: Picture, turn: Turn): Picture {
  if (turn === 0) return picture;
  const { side, colourSide } = picture;
  return {
    side,
    colourSide,
    luma: turnSquare(picture.luma, side, turn),
    clipped: turnSquare(picture.clipped, side, turn),
    blue: turnSquare(picture.blue, colourSide, turn),
    red: turnSquare(picture.red, colourSide, turn),
  };
}

/** Applies a turn to the pixels themselves. */
export function turnPixels(pixels: Pixels, turn: Turn): Pixels {
  if (turn === 0) return pixels;
  const { data, channels } = pixels;
  const [width, height] = turn & diagonal ? [pixels.height, pixels.width] : [pixels.width, pixels.height];
  const out = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const u = turn & across ? width - 1 - x : x;
      const v = turn & down ? height - 1 - y : y;
      const from = (turn & diagonal ? u * pixels.width + v : v * pixels.width + u) * channels;
      for (let c = 0; c < channels; c++) out[(y * width + x) * channels + c] = data[from + c];
    }
  }
  return { data: out, width, height, channels };
}
