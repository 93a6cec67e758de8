/** Reads an image as a mask of defects: every pixel that is not black is a defect. A mask in JPEG has noise around its edges, so there the limit is half of white. */
import { limitedSize } from '../contract/resample.ts';
import { takePixels, type Opened } from './decode.ts';

export interface Mask {
  /** 1 for a defect. */
  data: Uint8Array; // [rows, columns]
  rows: number;
  columns: number;
}

/** Longest side of masks and maps that are compared. */
export const maskSidePx = 512;

/** A cell of the grid is a defect if any of its pixels is, so that a crack one pixel wide stays. Throws DecodeError. */
export async function readMask(image: Opened): Promise<Mask> {
  const {
    data,
    info: { width, height, channels },
  } = await takePixels(image, (pipeline) => pipeline);
  const least = image.format === 'jpeg' ? 128 : 1;
  const { height: rows, width: columns } = limitedSize({ width, height }, maskSidePx);
  const out = new Uint8Array(rows * columns);
  const columnOf = Uint32Array.from({ length: width }, (_, x) => Math.floor((x * columns) / width));
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x++)
      for (let k = 0; k < channels; k++, at++) if (data[at] >= least) out[row + columnOf[x]] = 1;
  }
  return { data: out, rows, columns };
}
