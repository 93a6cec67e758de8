/** Connected regions of a mask. Pixels that touch at a side or a corner belong together, as in MVTec AD's own evaluation (`scipy.ndimage.label` with a full 3 × 3). */

/** `mask`: [rows, columns], a value other than 0 is a defect. Returns the size of the region of each pixel, 0 where there is none, and the number of regions. */
export function regionSizes(mask: Uint8Array, rows: number, columns: number): { sizes: Uint32Array; count: number } {
  const sizes = new Uint32Array(mask.length);
  const region = new Uint32Array(mask.length); // a list of the pixels of one region
  let count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || sizes[start]) continue;
    let length = 1;
    region[0] = start;
    sizes[start] = 1; // seen; the size is known at the end
    for (let next = 0; next < length; next++) {
      const [row, column] = [Math.floor(region[next] / columns), region[next] % columns];
      for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++)
        for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) {
          const at = r * columns + c;
          if (!mask[at] || sizes[at]) continue;
          sizes[at] = 1;
          region[length++] = at;
        }
    }
    for (let i = 0; i < length; i++) sizes[region[i]] = length;
    count++;
  }
  return { sizes, count };
}
