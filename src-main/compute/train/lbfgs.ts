/**
 * Minimises a smooth convex function by L-BFGS (Nocedal 1980; two-loop recursion as in Nocedal & Wright 2006, algorithm 7.4) with a backtracking line search
 * (Armijo). For a single layer it needs only a few dozen evaluations, and no learning rate.
 */
export interface Evaluated {
  value: number;
  gradient: Float64Array;
}

export interface LbfgsOptions {
  iterations?: number;
  /** Stops when the largest absolute component of the gradient is at most this. */
  tolerance?: number;
}

const historySize = 10;

export interface Minimum {
  x: Float64Array;
  value: number;
  iterations: number;
}

/** `evaluate`: value and gradient at x. Returns the minimum that was found, also if the iterations run out. */
export async function minimise(
  evaluate: (x: Float64Array) => Promise<Evaluated>,
  start: Float64Array,
  options: LbfgsOptions = {},
): Promise<Minimum> {
  const steps = descend(start, options);
  let next = steps.next();
  while (!next.done) next = steps.next(await evaluate(next.value));
  return next.value;
}

/** The same for a function that is evaluated at once. */
export function minimiseNow(
  evaluate: (x: Float64Array) => Evaluated,
  start: Float64Array,
  options: LbfgsOptions = {},
): Minimum {
  const steps = descend(start, options);
  let next = steps.next();
  while (!next.done) next = steps.next(evaluate(next.value));
  return next.value;
}

/** Yields each x that it needs evaluated. */
function* descend(
  start: Float64Array,
  { iterations = 100, tolerance = 1e-4 }: LbfgsOptions,
): Generator<Float64Array, Minimum, Evaluated> {
  let x = start.slice();
  let { value, gradient }: Evaluated = yield x;
  const pairs: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  let iteration = 0;
  for (; iteration < iterations && largest(gradient) > tolerance; iteration++) {
    let direction = descent(gradient, pairs);
    let slope = dot(direction, gradient);
    if (!(slope < 0)) {
      // The history gives no descent direction: start again along the gradient.
      pairs.length = 0;
      direction = gradient.map((g) => -g);
      slope = -dot(gradient, gradient);
    }
    let step = pairs.length ? 1 : Math.min(1, 1 / Math.sqrt(-slope));
    let next: Evaluated | undefined;
    let to = x;
    for (let tries = 0; tries < 30; tries++, step /= 2) {
      to = x.map((v, i) => v + step * direction[i]);
      const tried: Evaluated = yield to;
      if (tried.value <= value + 1e-4 * step * slope) {
        next = tried;
        break;
      }
    }
    if (!next) break; // no improvement within floating-point precision
    const s = to.map((v, i) => v - x[i]);
    const y = next.gradient.map((v, i) => v - gradient[i]);
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > historySize) pairs.shift();
    const gain = value - next.value;
    [x, value, gradient] = [to, next.value, next.gradient];
    if (gain <= 1e-7 * Math.max(1, Math.abs(value))) break;
  }
  return { x, value, iterations: iteration };
}

/** Minus the approximate inverse Hessian times the gradient. */
function descent(
  gradient: Float64Array,
  pairs: readonly { s: Float64Array; y: Float64Array; rho: number }[],
): Float64Array {
  const q = gradient.slice();
  const alphas = new Array<number>(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i];
    const alpha = (alphas[i] = rho * dot(s, q));
    for (let d = 0; d < q.length; d++) q[d] -= alpha * y[d];
  }
  const last = pairs.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  for (let d = 0; d < q.length; d++) q[d] *= -scale;
  pairs.forEach(({ s, y, rho }, i) => {
    const beta = rho * dot(y, q);
    for (let d = 0; d < q.length; d++) q[d] -= (alphas[i] + beta) * s[d];
  });
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const largest = (a: Float64Array): number => a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
