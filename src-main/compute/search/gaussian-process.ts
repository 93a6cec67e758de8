/** Regression by a Gaussian process: the posterior of a function of mean 0 after observations with noise (Rasmussen & Williams 2006, algorithm 2.1). */
import { choleskyNow, inverseOfLowerNow } from '../linear-algebra.ts';
import { matern, maternSlope, squaredDistances, type Kernel } from './kernel.ts';
import { applyInverse, times, timesTransposed, type Observations } from './marginal-likelihood.ts';

/** The posterior at a point, of the function without noise. */
export interface Prediction {
  mean: number;
  deviation: number;
}

export interface PredictionGradient extends Prediction {
  /** With respect to the coordinates; 0 for categories. */
  ofMean: Float64Array;
  ofDeviation: Float64Array;
}

/** Keeps the deviation above 0 where rounding would make the variance negative. */
const leastVariance = 1e-12;

export class GaussianProcess {
  readonly kernel: Kernel;
  /** Variance of the noise. */
  readonly noise: number;
  readonly observations: Observations;
  /** Inverse of the Cholesky factor of the covariance, [n, n]. */
  readonly half: Float64Array;
  /** Weight of each observation in the posterior mean, [n]. */
  readonly alpha: Float64Array;

  /** `logParameters`: as `fitHyperparameters` returns them. */
  constructor(observations: Observations, logParameters: Float64Array) {
    const { x, y, isCategory } = observations;
    const [n, d] = [y.length, isCategory.length];
    this.observations = observations;
    this.kernel = {
      isCategory,
      lengthScales: logParameters.slice(0, d).map(Math.exp),
      amplitude: Math.exp(logParameters[d]),
    };
    this.noise = Math.exp(logParameters[d + 1]);
    const covariance = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      covariance.set(this.covariances(x.subarray(i * d, (i + 1) * d)), i * n);
      covariance[i * n + i] += this.noise;
    }
    this.half = inverseOfLowerNow(choleskyNow(covariance, n), n);
    this.alpha = applyInverse(this.half, y);
  }

  /** With all observations of this one and further ones, with the same hyperparameters. */
  with({ x, y, isCategory }: Observations): GaussianProcess {
    const own = this.observations;
    const all = { x: concatenate(own.x, x), y: concatenate(own.y, y), isCategory };
    const { lengthScales, amplitude } = this.kernel;
    return new GaussianProcess(
      all,
      Float64Array.from([...lengthScales, amplitude, this.noise], (value) => Math.log(value)),
    );
  }

  /** The covariances of the function at `x` with that at each observation. */
  covariances(x: Float64Array): Float64Array {
    return squaredDistances(this.kernel, x, this.observations.x).map((r2) => this.kernel.amplitude * matern(r2));
  }

  predict(x: Float64Array): Prediction {
    const k = this.covariances(x);
    return { mean: dot(k, this.alpha), deviation: this.#deviationOf(times(this.half, k)) };
  }

  predictWithGradient(x: Float64Array): PredictionGradient {
    const { kernel, alpha, half } = this;
    const { x: rows } = this.observations;
    const d = x.length;
    const distances = squaredDistances(kernel, x, rows);
    const k = distances.map((r2) => kernel.amplitude * matern(r2));
    const white = times(half, k);
    const beta = timesTransposed(half, white);
    const deviation = this.#deviationOf(white);
    const [ofMean, ofDeviation] = [new Float64Array(d), new Float64Array(d)];
    for (let i = 0; i < k.length; i++) {
      const slope = kernel.amplitude * maternSlope(distances[i]);
      for (let axis = 0; axis < d; axis++) {
        if (kernel.isCategory[axis]) continue;
        const change = slope * (rows[i * d + axis] - x[axis]);
        ofMean[axis] += alpha[i] * change;
        ofDeviation[axis] -= beta[i] * change;
      }
    }
    for (let axis = 0; axis < d; axis++) {
      const weight = kernel.lengthScales[axis] ** -2;
      ofMean[axis] *= weight;
      ofDeviation[axis] *= weight / deviation;
    }
    return { mean: dot(k, alpha), deviation, ofMean, ofDeviation };
  }

  /** `white`: the covariances times the inverse of the Cholesky factor. */
  #deviationOf(white: Float64Array): number {
    return Math.sqrt(Math.max(leastVariance * this.kernel.amplitude, this.kernel.amplitude - dot(white, white)));
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function concatenate(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
