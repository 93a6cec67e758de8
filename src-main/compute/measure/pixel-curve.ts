/**
 * Pixel AUROC and AUPRO of error maps against masks, added image by image. AUPRO is the area under the per-region overlap (the mean over regions of the
 * fraction that is found) against the false positive rate of pixels, up to a limit and divided by it (Bergmann et al. 2021, MVTec AD). Memory does not grow with
 * the images: pixels are counted in 2^20 bins of their value, which are the upper 20 bits of a 32-bit float. So values that differ by less than 0.05 %
 * count as equal; no range has to be known before.
 */
import { regionSizes } from './region-sizes.ts';

const bins = 2 ** 20;

export class PixelCurve {
  readonly #normal = new Float64Array(bins);
  readonly #defect = new Float64Array(bins);
  /** Of the pixels of regions: the sum of 1 / size of the region. */
  readonly #overlap = new Float64Array(bins);
  #regions = 0;

  /** `map` and `mask`: [rows, columns]; null is an image without defects. Throws if a value of the map is not a number. */
  add(map: Float32Array, mask: Uint8Array | null, rows: number, columns: number): void {
    const regions = mask && regionSizes(mask, rows, columns);
    this.#regions += regions?.count ?? 0;
    const bits = new Uint32Array(map.buffer, map.byteOffset, map.length);
    for (let i = 0; i < map.length; i++) {
      if (Number.isNaN(map[i])) throw new Error('A value of an error map is not a number.');
      // In this order of bits, floats are in the order of their values. -0 is the same as 0.
      const bin = (bits[i] >>> 31 && map[i] !== 0 ? ~bits[i] : bits[i] | 0x80000000) >>> 12;
      const size = regions?.sizes[i];
      if (size) {
        this.#defect[bin]++;
        this.#overlap[bin] += 1 / size;
      } else this.#normal[bin]++;
    }
  }

  get regions(): number {
    return this.#regions;
  }

  /** Null without defects, or without normal pixels. */
  auroc(): number | null {
    return this.#area(this.#defect, 1);
  }

  /** `limit`: the largest false positive rate, 0..1. Null without defects, or without normal pixels. */
  aupro(limit = 0.3): number | null {
    return this.#area(this.#overlap, limit);
  }

  /** The area under the fraction of `found` against the false positive rate, by trapezoids, up to `limit` and divided by it. */
  #area(found: Float64Array, limit: number): number | null {
    const sum = (values: Float64Array) => values.reduce((all, value) => all + value, 0);
    const [allNormal, allFound] = [sum(this.#normal), sum(found)];
    if (!allNormal || !allFound) return null;
    const end = limit * allNormal;
    let [area, x, y] = [0, 0, 0]; // in pixels, so that a perfect map has exactly 1
    for (let bin = bins - 1; bin >= 0 && x < end; bin--) {
      const [width, height] = [this.#normal[bin], found[bin]];
      const share = width ? Math.min(1, (end - x) / width) : 1; // the last trapezoid ends at the limit
      area += share * width * (y + (share * height) / 2);
      x += width;
      y += height;
    }
    return area / (end * allFound);
  }
}
