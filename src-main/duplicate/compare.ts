/**
 * Measures the difference between two pictures after alignment. A copy may differ by re-encoding, resampling, a cropped border or a change of exposure. Any other
 * difference makes it another picture, even a single moved finger or the colour of a shirt. So the largest local difference counts, not the sum.
 */
import { meanOf } from '../contract/numbers.ts';
import { align, inPlace, warp, smooth, type Alignment, type Placement } from './align.ts';
import { pictureOf, type Picture, type Pixels, type Window } from './fingerprint.ts';
import { turnPicture, turnPixels, type Turn } from './turn.ts';

/** Each measure is relative to its limit: the pair is a copy if all are below 1. */
export interface Difference {
  luma: number;
  colour: number;
  /** The largest distance between matching edges of the two pictures. */
  edge: number;
  exposure: number;
  alignment: Alignment;
}

// Limits for a copy, in levels of 255. A local difference may be this large, plus a fraction of the local contrast, since resampling moves edges.
const lumaLevels = 6;
const lumaFraction = 0.15;
const colourLevels = 8;
const colourFraction = 0.3;
const edgeFraction = 0.055;
const gainFactor = 1.4;
const meanLevels = 48;

/** The largest measure relative to its limit: below 1, the pair is a copy. */
export function excess(difference: Difference | null): number {
  if (!difference) return Infinity;
  return Math.max(difference.luma, difference.colour, difference.edge, difference.exposure);
}

/** Compares the grids of two fingerprints. `start`: initial guess of the alignment. Null if the pictures cannot be aligned. */
export function comparePictures(a: Picture, b: Picture, start: Placement): Difference | null {
  const { side, colourSide } = a;
  const [one, two] = [smooth(a.luma, side), smooth(b.luma, side)];
  const alignment = align(one, two, a.clipped, b.clipped, side, start);
  if (!alignment) return null;
  const { gain, offset } = alignment;
  if (gain <= 0.2 || gain >= 5) return null;
  const warped = warp(two, side, alignment);
  const expected = one.map((level) => Math.min(255, gain * level + offset));
  const luma = largest(expected, warped, side, lumaLevels, lumaFraction);
  const blue = largest(
    smooth(a.blue, colourSide).map((v) => v * gain),
    warp(smooth(b.blue, colourSide), colourSide, alignment),
    colourSide,
    colourLevels,
    colourFraction,
  );
  const red = largest(
    smooth(a.red, colourSide).map((v) => v * gain),
    warp(smooth(b.red, colourSide), colourSide, alignment),
    colourSide,
    colourLevels,
    colourFraction,
  );
  const { shiftX, scaleX, shiftY, scaleY } = alignment;
  const edge =
    Math.max(Math.abs(shiftX) + Math.abs(scaleX - 1) / 2, Math.abs(shiftY) + Math.abs(scaleY - 1) / 2) / edgeFraction;
  const mean = meanOf(one);
  const exposure = Math.max(
    Math.abs(Math.log(gain)) / Math.log(gainFactor),
    Math.abs(gain * mean + offset - mean) / meanLevels,
  );
  return { luma, colour: Math.max(blue, red), edge, exposure, alignment };
}

/**
 * Compares finer grids made from the thumbnails' pixels, both cropped to their common part. First the darker thumbnail gets the exposure of the other, pixel by
 * pixel, so that highlights that are clipped in one are clipped in both. `side`: cells per side. Null if the pictures cannot be aligned.
 */
export function comparePixels(a: Pixels, b: Pixels, turn: Turn, start: Placement, side: number): Difference | null {
  const first = comparePictures(wholeOf(a, side), turnPicture(wholeOf(b, side), turn), start);
  if (!first || first.luma > clearlyDifferent || first.edge > clearlyDifferent) return first;
  const { gain, offset } = first.alignment;
  const isExposed = Math.abs(Math.log(gain)) > 0.01 || Math.abs(offset) > 2;
  if (!isExposed && first.edge < 0.05) return first;
  const isBrighter = gain * 255 + offset > 255;
  const one = isExposed && isBrighter ? expose(a, gain, offset) : a;
  const turned = turnPixels(b, turn);
  const two = isExposed && !isBrighter ? expose(turned, 1 / gain, -offset / gain) : turned;
  const [cutX, cutY] = [
    cut(first.alignment.shiftX, first.alignment.scaleX),
    cut(first.alignment.shiftY, first.alignment.scaleY),
  ];
  const part = (x: [number, number], y: [number, number]): Window => ({
    left: x[0],
    top: y[0],
    right: x[1],
    bottom: y[1],
  });
  const second = comparePictures(
    gridOf(one, side, part(cutX.a, cutY.a)),
    gridOf(two, side, part(cutX.b, cutY.b)),
    inPlace,
  );
  return second && { ...second, edge: first.edge, exposure: first.exposure };
}

/** Above this multiple of the limit, a finer comparison cannot change the result. */
const clearlyDifferent = 6;

const gridOf = ({ data, width, height, channels }: Pixels, side: number, window?: Window): Picture =>
  pictureOf(data, width, height, channels, side, side >> 2, window);

/** A cache, since a picture is compared with several others in a row. */
const wholes = new WeakMap<Pixels, Picture>();

function wholeOf(pixels: Pixels, side: number): Picture {
  const known = wholes.get(pixels);
  if (known?.side === side) return known;
  const whole = gridOf(pixels, side);
  wholes.set(pixels, whole);
  return whole;
}

/** Along one axis: the common part of both pictures, from 0 to 1 in the coordinates of each. */
function cut(shift: number, scale: number): { a: [number, number]; b: [number, number] } {
  const inB = (x: number): number => shift + scale * (x - 0.5) + 0.5;
  const inA = (x: number): number => (x - 0.5 - shift) / scale + 0.5;
  const a: [number, number] = [Math.max(0, inA(0)), Math.min(1, inA(1))];
  return { a, b: [Math.max(0, inB(a[0])), Math.min(1, inB(a[1]))] };
}

function expose(pixels: Pixels, gain: number, offset: number): Pixels {
  const table = Uint8ClampedArray.from({ length: 256 }, (_, level) => gain * level + offset);
  const data = new Uint8Array(pixels.data.length);
  for (let i = 0; i < data.length; i++) data[i] = table[pixels.data[i]];
  return { ...pixels, data };
}

/** The largest mean difference of any 3 × 3 neighbourhood, relative to its limit: `levels` plus a fraction of the local contrast. */
function largest(a: Float32Array, b: Float32Array, side: number, levels: number, fraction: number): number {
  let worst = 0;
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      let sum = 0;
      let least = Infinity;
      let most = -Infinity;
      let cells = 0;
      for (let at = (y - 1) * side + x - 1, row = 0; row < 3; row++, at += side - 3) {
        for (let column = 0; column < 3; column++, at++) {
          const level = a[at];
          if (level < least) least = level;
          if (level > most) most = level;
          const rest = b[at] - level;
          if (rest === rest) {
            // not NaN: inside b
            sum += rest;
            cells++;
          }
        }
      }
      if (cells < 6) continue;
      const ratio = Math.abs(sum / cells) / (levels + fraction * (most - least));
      if (ratio > worst) worst = ratio;
    }
  }
  return worst;
}
