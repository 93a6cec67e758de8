/** The log marginal likelihood of a Gaussian process with its gradient (Rasmussen & Williams 2006, 5.8 and 5.9), and the hyperparameters that maximise it. */
import { choleskyNow, inverseOfLowerNow } from '../linear-algebra.ts';
import { minimiseNow, type Evaluated } from '../train/lbfgs.ts';
import { matern, maternSlope, squaredDifference } from './kernel.ts';

/** Observations: coordinates [n, d] and standardised values [n], of mean 0 and deviation 1. */
export interface Observations {
  x: Float64Array;
  y: Float64Array;
  isCategory: readonly boolean[];
}

/** The likelihood of observations as a function of [log length scales (d), log amplitude, log noise variance]. */
export class MarginalLikelihood {
  readonly #n: number;
  readonly #d: number;
  readonly #y: Float64Array;
  /** Squared differences [n (n − 1) / 2, d], of each row with the earlier ones. */
  readonly #squares: Float64Array;

  constructor({ x, y, isCategory }: Observations) {
    const [n, d] = [(this.#n = y.length), (this.#d = isCategory.length)];
    this.#y = y;
    this.#squares = new Float64Array(((n * (n - 1)) / 2) * d);
    let at = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++)
        for (let axis = 0; axis < d; axis++)
          this.#squares[at++] = squaredDifference(isCategory[axis], x[i * d + axis], x[j * d + axis]);
  }

  /** Throws if the covariance is not positive definite within rounding. */
  at(logParameters: Float64Array): Evaluated {
    const [n, d, squares] = [this.#n, this.#d, this.#squares];
    const weights = logParameters.slice(0, d).map((log) => Math.exp(-2 * log));
    const [amplitude, noise] = [Math.exp(logParameters[d]), Math.exp(logParameters[d + 1])];
    const covariance = new Float64Array(n * n); // the lower triangle
    const slopes = new Float64Array((n * (n - 1)) / 2);
    for (let i = 0, pair = 0, at = 0; i < n; i++) {
      for (let j = 0; j < i; j++, pair++) {
        let r2 = 0;
        for (let axis = 0; axis < d; axis++) r2 += weights[axis] * squares[at++];
        covariance[i * n + j] = amplitude * matern(r2);
        slopes[pair] = amplitude * maternSlope(r2);
      }
      covariance[i * n + i] = amplitude + noise;
    }
    const lower = choleskyNow(covariance, n);
    const half = inverseOfLowerNow(lower, n);
    const alpha = applyInverse(half, this.#y);
    let value = -0.5 * n * Math.log(2 * Math.PI);
    for (let i = 0; i < n; i++) value -= 0.5 * this.#y[i] * alpha[i] + Math.log(lower[i * n + i]);

    // Half the trace of (α·αᵀ − K⁻¹)·∂K, where ∂K is symmetric: pairs count twice.
    const inverse = inverseFrom(half, n);
    const gradient = new Float64Array(d + 2);
    let [trace, off] = [0, 0];
    for (let i = 0, pair = 0, at = 0; i < n; i++) {
      for (let j = 0; j < i; j++, pair++) {
        const w = alpha[i] * alpha[j] - inverse[i * n + j];
        off += w * covariance[i * n + j];
        const slope = w * slopes[pair];
        for (let axis = 0; axis < d; axis++) gradient[axis] += slope * squares[at++];
      }
      trace += alpha[i] ** 2 - inverse[i * n + i];
    }
    for (let axis = 0; axis < d; axis++) gradient[axis] *= weights[axis];
    gradient[d] = off + 0.5 * amplitude * trace;
    gradient[d + 1] = 0.5 * noise * trace;
    return { value, gradient };
  }
}

/** K⁻¹·y from the inverse of the Cholesky factor of K. */
export function applyInverse(half: Float64Array, y: Float64Array): Float64Array {
  return timesTransposed(half, times(half, y));
}

/** The lower triangular matrix [n, n] times a vector. */
export function times(lower: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0, row = i * n; j <= i; j++) sum += lower[row + j] * v[j];
    out[i] = sum;
  }
  return out;
}

/** The transpose of the lower triangular matrix [n, n] times a vector. */
export function timesTransposed(lower: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0, row = i * n; j <= i; j++) out[j] += lower[row + j] * v[i];
  return out;
}

/** The lower triangle of halfᵀ·half. */
function inverseFrom(half: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const row = k * n;
    for (let i = 0; i <= k; i++) {
      const factor = half[row + i];
      for (let j = 0, to = i * n; j <= i; j++) out[to + j] += factor * half[row + j];
    }
  }
  return out;
}

/** A weak prior of a hyperparameter: normal on its logarithm. */
interface LogNormal {
  mean: number;
  deviation: number;
}

/**
 * Priors for coordinates from 0 to 1 and standardised values. Length scales grow with the root of the number of axes, since distances do (Hvarfner et al. 2024). The noise may be anything from
 * that of a deterministic function to most of the variance.
 */
const priors = (d: number): LogNormal[] => [
  ...Array.from({ length: d }, () => ({ mean: Math.log(0.5) + 0.5 * Math.log(Math.max(1, d) / 2), deviation: 0.7 })),
  { mean: 0, deviation: 1 },
  { mean: Math.log(1e-4), deviation: 3 },
];
/** A smaller noise variance makes the covariance singular within rounding. */
const leastNoise = 1e-8;

/** Starts: log length scales relative to their prior's mean, and noise variance. */
const starts = [
  { scale: 0, noise: 1e-4 },
  { scale: Math.log(0.3), noise: 1e-2 },
  { scale: Math.log(2.5), noise: 0.1 },
  { scale: Math.log(0.6), noise: 1e-6 },
] as const;

/** Above this, the starts are compared on a part of the observations. */
const mostForStarts = 80;

/** The hyperparameters of the largest likelihood times priors, by L-BFGS from several starts: [log length scales, log amplitude, log noise variance]. */
export function fitHyperparameters(observations: Observations): Float64Array {
  const d = observations.isCategory.length;
  const known = priors(d);
  const part = new MarginalLikelihood(partOf(observations, mostForStarts));
  const found = starts.map(({ scale, noise }) => {
    const start = Float64Array.from(known, ({ mean }, i) => (i < d ? mean + scale : i === d ? mean : Math.log(noise)));
    return minimiseNow(objectiveOf(part, known), start, { iterations: 20 });
  });
  const best = found.reduce((a, b) => (b.value < a.value ? b : a));
  const { x } = minimiseNow(objectiveOf(new MarginalLikelihood(observations), known), best.x, { iterations: 40 });
  return withNoise(x);
}

/** Minus the log posterior; the last argument is the logarithm of the noise above the least one. */
function objectiveOf(likelihood: MarginalLikelihood, known: readonly LogNormal[]): (x: Float64Array) => Evaluated {
  return (x) => {
    let evaluated: Evaluated;
    try {
      evaluated = likelihood.at(withNoise(x));
    } catch {
      return { value: Infinity, gradient: new Float64Array(x.length) };
    }
    let value = -evaluated.value;
    const gradient = evaluated.gradient.map((g) => -g);
    const last = x.length - 1;
    const noise = Math.exp(x[last]);
    gradient[last] *= noise / (noise + leastNoise);
    known.forEach(({ mean, deviation }, i) => {
      const z = (x[i] - mean) / deviation;
      value += 0.5 * z * z;
      gradient[i] += z / deviation;
    });
    return { value, gradient };
  };
}

const withNoise = (x: Float64Array): Float64Array =>
  x.with(x.length - 1, Math.log(Math.exp(x[x.length - 1]) + leastNoise));

/** The half with the largest values and an even part of the rest, at most `most`. */
function partOf({ x, y, isCategory }: Observations, most: number): Observations {
  if (y.length <= most) return { x, y, isCategory };
  const d = isCategory.length;
  const order = Array.from(y.keys()).sort((a, b) => y[b] - y[a] || a - b);
  const top = Math.floor(most / 2);
  const rest = most - top;
  const kept = [
    ...order.slice(0, top),
    ...Array.from({ length: rest }, (_, i) => order[top + Math.floor((i * (y.length - top)) / rest)]),
  ].sort((a, b) => a - b);
  const part = new Float64Array(kept.length * d);
  kept.forEach((from, to) => part.set(x.subarray(from * d, (from + 1) * d), to * d));
  return { x: part, y: Float64Array.from(kept, (i) => y[i]), isCategory };
}
