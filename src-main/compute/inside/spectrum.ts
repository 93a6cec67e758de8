/**
 * Images by their spectrum: each channel is a sum of sines and cosines, whose amplitudes are the parameters, scaled by 1 / frequency as in natural images; the channels are
 * decorrelated colours (Olah et al. 2017, as in Lucid). Gradient ascent then changes all frequencies alike, and makes shapes in place of high-frequency noise.
 */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { fillNormal, random } from '../random.ts';

/** Square root of the covariance of the colours of ImageNet's images, divided by its largest column norm. */
const colours = [
  [0.26, 0.09, 0.02],
  [0.27, 0, -0.05],
  [0.27, -0.09, 0.03],
];

export class Spectrum {
  readonly sizePx: number;
  /** The real Fourier basis, [frequencies, pixels]; orthonormal. */
  readonly #basis: Tensor2D;
  /** 1 / frequency of each amplitude, [1, size, size]; the mean has the lowest frequency. */
  readonly #scale: Tensor;
  /** In cycles per pixel, [1, size, size]. */
  readonly #frequency: Tensor;
  readonly #toRgb: Tensor2D;

  constructor(sizePx: number) {
    this.sizePx = sizePx;
    const basis = new Float32Array(sizePx * sizePx);
    const cycles = Array.from({ length: sizePx }, (_, row) => Math.ceil(row / 2));
    for (let row = 0; row < sizePx; row++) {
      const isSingle = row === 0 || cycles[row] * 2 === sizePx; // mean and highest frequency have no sine
      const norm = Math.sqrt((isSingle ? 1 : 2) / sizePx);
      for (let x = 0; x < sizePx; x++) {
        const angle = (2 * Math.PI * cycles[row] * x) / sizePx;
        basis[row * sizePx + x] = norm * (row % 2 || row === 0 ? Math.cos(angle) : Math.sin(angle));
      }
    }
    const frequency = new Float32Array(sizePx * sizePx).map(
      (_, i) => Math.hypot(cycles[Math.floor(i / sizePx)], cycles[i % sizePx]) / sizePx,
    );
    const most = Math.max(...[0, 1, 2].map((c) => Math.hypot(...colours.map((row) => row[c]))));
    this.#basis = tf.tensor2d(basis, [sizePx, sizePx]);
    this.#frequency = tf.tensor(frequency, [1, sizePx, sizePx]);
    this.#scale = tf.tensor(
      frequency.map((cycle) => 1 / Math.max(cycle, 1 / sizePx)),
      [1, sizePx, sizePx],
    );
    this.#toRgb = tf.tensor2d(
      colours.flatMap((row) => row.map((value) => value / most)),
      [3, 3],
    );
  }

  /** Random amplitudes, flat [3 · size · size]. `deviation`: 0.01 is nearly gray. */
  start(seed: (number | string)[], deviation: number): Float32Array {
    return fillNormal(new Float32Array(3 * this.sizePx ** 2), random(...seed), deviation);
  }

  /** Amplitudes → an image [1, size, size, 3], 0..1; differentiable. */
  image(amplitudes: Tensor): Tensor4D {
    const size = this.sizePx;
    const scaled = tf.mul(tf.reshape(amplitudes, [3, size, size]), this.#scale);
    const basis = tf.tile(tf.expandDims(this.#basis, 0), [3, 1, 1]);
    const planes = tf.matMul(tf.matMul(basis, scaled, true), basis); // [3, rows, columns]
    const pixels = tf.reshape(tf.transpose(planes, [1, 2, 0]), [size * size, 3]) as Tensor2D;
    const rgb = tf.matMul(tf.div(pixels, 4) as Tensor2D, this.#toRgb, false, true);
    return tf.sigmoid(tf.reshape(rgb, [1, size, size, 3])) as Tensor4D;
  }

  /** The amplitudes of the image blurred by a Gaussian, which in the spectrum is a factor per frequency. */
  blurred(amplitudes: Tensor, deviationPx: number): Tensor {
    const factor = tf.exp(tf.mul(tf.square(this.#frequency), -2 * Math.PI ** 2 * deviationPx ** 2));
    return tf.reshape(tf.mul(tf.reshape(amplitudes, [3, this.sizePx, this.sizePx]), factor), [-1]);
  }

  dispose(): void {
    tf.dispose([this.#basis, this.#scale, this.#frequency, this.#toRgb]);
  }
}
