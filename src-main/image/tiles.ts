/** Many small pictures of one size side by side in one. */

export interface TileSize {
  rows: number;
  columns: number;
  /** 3: red, green, blue; 1: gray. */
  channels: 1 | 3;
}

const gapPx = 2;
const background = 255;
/** Small tiles are enlarged to about this side. */
const leastPx = 16;

/** Tiles [rows, columns, channels] in rows of `across`; each pixel becomes a square, so that nothing is smoothed. */
export function tiled(
  tiles: readonly Uint8Array[],
  { rows, columns, channels }: TileSize,
  across = Math.ceil(Math.sqrt(tiles.length)),
): { data: Uint8Array; width: number; height: number } {
  const scale = Math.max(1, Math.round(leastPx / Math.max(rows, columns)));
  const [stepX, stepY] = [columns * scale + gapPx, rows * scale + gapPx];
  const width = across * stepX + gapPx;
  const height = Math.ceil(tiles.length / across) * stepY + gapPx;
  const data = new Uint8Array(width * height * channels).fill(background);
  tiles.forEach((tile, i) => {
    const [left, top] = [gapPx + (i % across) * stepX, gapPx + Math.floor(i / across) * stepY];
    for (let y = 0; y < rows * scale; y++)
      for (let x = 0; x < columns * scale; x++) {
        const from = (Math.floor(y / scale) * columns + Math.floor(x / scale)) * channels;
        data.set(tile.subarray(from, from + channels), ((top + y) * width + left + x) * channels);
      }
  });
  return { data, width, height };
}
