/**
 * A set of rows of one shape and element type in a file: pixels, embeddings, feature maps. The row store makes them, the compute process reads them. Types and
 * sizes only: importing this loads nothing.
 */
export type RowType = 'uint8' | 'float16' | 'float32';

export interface RowSet {
  file: string;
  type: RowType;
  /** Of one row: [height, width, channels] of pixels and feature maps, [size] of embeddings. */
  shape: readonly number[];
  /** Where each row of the set lies in the file: row r starts at byte r · rowBytes. A position is an index into `rows`. */
  rows: Int32Array;
  /** CRC-32 of each of `rows`, compared when the row is read. Without them nothing is compared. */
  checksums?: Uint32Array;
}

const elementBytes: Record<RowType, number> = { uint8: 1, float16: 2, float32: 4 };

/** Numbers of a row. */
export const widthOf = ({ shape }: Pick<RowSet, 'shape'>): number => shape.reduce((size, side) => size * side, 1);

export const rowBytesOf = (set: Pick<RowSet, 'shape' | 'type'>): number => widthOf(set) * elementBytes[set.type];

/** The set of the rows at these positions. */
export const selectRows = (set: RowSet, positions: Int32Array): RowSet => ({
  ...set,
  rows: positions.map((position) => set.rows[position]),
  checksums: set.checksums && Uint32Array.from(positions, (position) => set.checksums![position]),
});
