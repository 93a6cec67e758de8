/** Scales an error map to the grid of a mask. */

/**
 * Bilinear, between centres of pixels, with the edge repeated (PyTorch's `interpolate(mode='bilinear', align_corners=False)`). `map`: [rows, columns]. Returns
 * [toRows, toColumns].
 */
export function resample(
  map: Float32Array,
  rows: number,
  columns: number,
  toRows: number,
  toColumns: number,
): Float32Array {
  if (rows === toRows && columns === toColumns) return map;
  const out = new Float32Array(toRows * toColumns);
  const [ys, xs] = [axis(rows, toRows), axis(columns, toColumns)];
  for (let r = 0; r < toRows; r++) {
    const [above, below, v] = [ys.from[r] * columns, ys.to[r] * columns, ys.share[r]];
    for (let c = 0; c < toColumns; c++) {
      const [left, right, u] = [xs.from[c], xs.to[c], xs.share[c]];
      const top = map[above + left] + u * (map[above + right] - map[above + left]);
      const bottom = map[below + left] + u * (map[below + right] - map[below + left]);
      out[r * toColumns + c] = top + v * (bottom - top);
    }
  }
  return out;
}

/** For each position of the new axis: the two old positions around it, and the weight of the second. */
function axis(length: number, toLength: number): { from: Uint32Array; to: Uint32Array; share: Float64Array } {
  const at = Float64Array.from({ length: toLength }, (_, i) =>
    Math.max(0, Math.min(length - 1, ((i + 0.5) * length) / toLength - 0.5)),
  );
  const from = Uint32Array.from(at, Math.floor);
  return { from, to: from.map((i) => Math.min(i + 1, length - 1)), share: at.map((x, i) => x - from[i]) };
}
