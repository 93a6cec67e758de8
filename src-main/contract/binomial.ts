/** The binomial distribution, the exact confidence interval of a proportion, and the incomplete beta function that both need. */

/** Terms of the continued fraction; 200 are enough for a million images. */
const maxTerms = 500;
/** Halvings of the interval 0 to 1: below the resolution of a double. */
const halvings = 60;

/**
 * The Clopper–Pearson interval (1934) for `count` successes in `total` trials: it contains the true proportion with at least the given confidence,
 * for every proportion and every number of trials. Without trials it is 0 to 1.
 */
export function binomialInterval(count: number, total: number, confidence = 0.95): { low: number; high: number } {
  const tail = (1 - confidence) / 2;
  return {
    low: count > 0 ? betaQuantile(tail, count, total - count + 1) : 0,
    high: count < total ? betaQuantile(1 - tail, count + 1, total - count) : 1,
  };
}

/** The probability of at most `count` successes in `total` trials with the success probability `p`. */
export const binomialAtMost = (count: number, total: number, p: number): number =>
  count >= total ? 1 : incompleteBeta(1 - p, total - count, count + 1);

/** The 95 % Wilson score interval (1927) of a proportion in `total` trials: shorter than the exact one, and never of length 0. */
export function wilsonInterval(value: number, total: number): { low: number; high: number } {
  const z2 = 1.96 ** 2;
  const middle = (value + z2 / (2 * total)) / (1 + z2 / total);
  const half = (1.96 / (1 + z2 / total)) * Math.sqrt((value * (1 - value)) / total + z2 / (4 * total * total));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** The quantile `p` of the beta distribution, by bisection. */
function betaQuantile(p: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < halvings; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The regularised incomplete beta function: the cumulative distribution of Beta(a, b) at `x`. Lentz's continued fraction (Press et al. 2007, 6.4). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a); // where the fraction converges fast
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= maxTerms; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    const before = fraction;
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(fraction - before) < 1e-15 * Math.abs(fraction)) break;
  }
  return front * fraction;
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
];

/** The logarithm of the gamma function for x ≥ 1 (Lanczos 1964, g = 7). */
function logGamma(x: number): number {
  const at = x - 1;
  const sum = lanczos.reduce((total, coefficient, i) => total + coefficient / (at + i + 1), 0.9999999999998099);
  const t = at + lanczos.length - 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (at + 0.5) * Math.log(t) - t + Math.log(sum);
}
