/** Gaussian blur, separable, with mirrored borders. Values: standard deviation in pixels. */
import { sumOf } from '../../contract/numbers.ts';
import { amountOf, type Operation } from './operation.ts';

/** Normalized weights from −radius to radius, where the radius is two standard deviations. */
export function gaussian(deviation: number): Float64Array {
  const radius = Math.max(1, Math.ceil(2 * deviation));
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * deviation ** 2)),
  );
  const sum = sumOf(weights);
  return weights.map((w) => w / sum);
}

let between = new Float32Array(0);

export const blur: Operation = {
  id: 'blur',
  amount: amountOf('Blur', 'Maximum standard deviation of a Gaussian blur.', { most: 5, step: 0.1, unit: 'px' }),
  draw: (amount, next) => [0.1 + next() * Math.max(0, amount - 0.1)],
  apply(image, sizePx, [deviation]) {
    const weights = gaussian(deviation);
    const radius = (weights.length - 1) / 2;
    if (between.length < image.length) between = new Float32Array(image.length);
    const inside = mirrored(sizePx, radius);
    const line = sizePx * 3;
    for (let y = 0; y < sizePx; y++) {
      const row = y * line;
      for (let x = 0; x < sizePx; x++) {
        let [r, g, b] = [0, 0, 0];
        for (let k = 0; k < weights.length; k++) {
          const at = row + inside[x + k] * 3;
          const w = weights[k];
          r += w * image[at];
          g += w * image[at + 1];
          b += w * image[at + 2];
        }
        const to = row + x * 3;
        between[to] = r;
        between[to + 1] = g;
        between[to + 2] = b;
      }
    }
    for (let y = 0; y < sizePx; y++) {
      for (let i = 0; i < line; i++) {
        let sum = 0.5;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * between[inside[y + k] * line + i];
        image[y * line + i] = sum;
      }
    }
  },
  describe: ([deviation]) => `blur ${deviation.toFixed(1)} px`,
};

/** For each index from −radius on, the index of the pixel that is read: outside, the image is mirrored at its border pixels. */
function mirrored(size: number, radius: number): Int32Array {
  const period = Math.max(1, 2 * (size - 1));
  return Int32Array.from({ length: size + 2 * radius }, (_, i) => {
    const at = Math.abs(i - radius) % period;
    return at < size ? at : period - at;
  });
}
