/** Filters and feature maps as pictures. */
import type { FeatureMaps, Filters } from '../contract/inside.ts';
import { largestOf } from '../contract/numbers.ts';
import { encodeGray, encodeRgbPng } from '../image/encode.ts';
import { tiled } from '../image/tiles.ts';

/** Of kernels with many inputs, so many outputs and inputs are drawn. */
const mostOutputs = 64;
const mostInputs = 16;
/** Of the largest weight of the layer. */
const nearlyZero = 0.02;

/**
 * A PNG. Kernels of one input, or of the three colours, are one tile per output, in order. Others are a row per output, of those with the largest norms, with a tile
 * per input. Each kernel has its own scale, but one that is nearly zero beside the others stays gray; a weight of zero is the middle gray.
 */
export function filtersPicture(
  { outputs, rows, columns, inputs }: Filters,
  kernels: Float32Array,
  norms: Float32Array,
): Promise<Buffer> {
  const size = rows * columns * inputs;
  const least = nearlyZero * largestOf(kernels.map(Math.abs), 1e-30);
  const bytesOf = (output: number): Uint8Array => {
    const kernel = kernels.subarray(output * size, (output + 1) * size);
    const most = largestOf(kernel.map(Math.abs), least);
    return Uint8Array.from(kernel, (value) => Math.round(127.5 + (127.5 * value) / most));
  };
  const all = Array.from({ length: outputs }, (_, output) => output);
  if (inputs === 3) {
    const { data, width, height } = tiled(all.map(bytesOf), { rows, columns, channels: 3 });
    return encodeRgbPng(data, width, height);
  }
  if (inputs === 1) {
    const { data, width, height } = tiled(all.map(bytesOf), { rows, columns, channels: 1 });
    return encodeGray(data, width, height);
  }
  const strongest = all.sort((a, b) => norms[b] - norms[a] || a - b).slice(0, mostOutputs);
  const across = Math.min(inputs, mostInputs);
  const tiles = strongest.flatMap((output) => {
    const kernel = bytesOf(output);
    return Array.from({ length: across }, (_, input) =>
      Uint8Array.from({ length: rows * columns }, (_value, place) => kernel[place * inputs + input]),
    );
  });
  const { data, width, height } = tiled(tiles, { rows, columns, channels: 1 }, across);
  return encodeGray(data, width, height);
}

/** A PNG with a tile per channel, in order, on one scale: black is the least value of all. */
export function mapsPicture({ channels, rows, columns, min, max }: FeatureMaps, maps: Float32Array): Promise<Buffer> {
  const scale = max > min ? 255 / (max - min) : 0;
  const size = rows * columns;
  const tiles = Array.from({ length: channels }, (_, channel) =>
    Uint8Array.from(maps.subarray(channel * size, (channel + 1) * size), (value) => Math.round((value - min) * scale)),
  );
  const { data, width, height } = tiled(tiles, { rows, columns, channels: 1 });
  return encodeGray(data, width, height);
}
