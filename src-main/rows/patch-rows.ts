/**
 * The layout of a row of patch features: two numbers for the grid of the image (rows and columns of its finest map), then one feature map per stage, [rows / step,
 * columns / step, channels], then zeros. Images keep their aspect ratio, so their grids differ; the rows of a set have the length of the largest grid.
 */
export interface PatchLayout {
  /** The most patches of the finest map: `side²`. */
  side: number;
  /** From fine to coarse. `step`: a patch covers this many patches of the finest map in each direction. */
  stages: readonly { step: number; channels: number }[];
}

/** Rows and columns of the finest map of an image. */
export interface Grid {
  rows: number;
  columns: number;
}

/** The length of the part of the row that is used, or of the row if `grid` is the largest one. */
export const patchRowLength = ({ stages }: PatchLayout, { rows, columns }: Grid): number =>
  stages.reduce((sum, { step, channels }) => sum + (rows / step) * (columns / step) * channels, 2);

/** The shape of the rows of a set. */
export const patchRowShape = (layout: PatchLayout): [number] => [
  patchRowLength(layout, { rows: layout.side, columns: layout.side }),
];

/** The first number of each stage's map in a row. */
export function patchMapsAt({ stages }: PatchLayout, { rows, columns }: Grid): number[] {
  let at = 2;
  return stages.map(({ step, channels }) => {
    const here = at;
    at += (rows / step) * (columns / step) * channels;
    return here;
  });
}
