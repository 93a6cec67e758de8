/**
 * A row set describes rows in a file, one per image, all of one shape and element type: pixels, embeddings or feature maps. The row store of the engine writes the
 * file, the compute process reads it. The description is small and can be sent between processes; this module loads no libraries.
 */
import type { PatchLayout } from './patch-rows.ts';

export type RowType = 'uint8' | 'float16' | 'float32';

export interface RowSet {
  /** Absolute path. */
  file: string;
  type: RowType;
  /** Shape of one row: [height, width, channels] for pixels, [size] for embeddings and patches. */
  shape: readonly number[];
  /** Only for patches. */
  layout?: PatchLayout;
  /** Other rows of the same images, in the same order. */
  beside?: RowSet;
  /** The row number in the file of each image; row r starts at byte r · `rowBytesOf(set)`. An index into `rows` is called a position. */
  rows: Int32Array;
  /** CRC-32 of each of `rows`, verified by the reader. If missing, rows are not verified. */
  checksums?: Uint32Array;
  /** SHA-256 of the file that each of `rows` was made of, in hexadecimal: it identifies an image across folders. */
  sha256?: readonly string[];
}

const elementBytes: Record<RowType, number> = { uint8: 1, float16: 2, float32: 4 };

/** The number of elements of a row. */
export const widthOf = ({ shape }: Pick<RowSet, 'shape'>): number => shape.reduce((size, side) => size * side, 1);

/** The number of bytes of a row. */
export const rowBytesOf = (set: Pick<RowSet, 'shape' | 'type'>): number => widthOf(set) * elementBytes[set.type];

/** The subset of the rows at these positions. */
export const selectRows = (set: RowSet, positions: Int32Array): RowSet => ({
  ...set,
  rows: positions.map((position) => set.rows[position]),
  checksums: set.checksums && Uint32Array.from(positions, (position) => set.checksums![position]),
  sha256: set.sha256 && Array.from(positions, (position) => set.sha256![position]),
  beside: set.beside && selectRows(set.beside, positions),
});
