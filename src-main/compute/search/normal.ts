/** The normal distribution far into its tail, where its density and probability are too small for a double. */

/** Chebyshev coefficients of log(erfcx(x) / t) over t = 2 / (2 + x) from 0 to 1, computed with 40 digits; the error of erfcx is below 1e-15. */
const coefficients = [
  -0.6513268598908547, 0.6419697923564903, 0.01947647320418582, -0.009561514786808617, -0.0009465953444820474,
  0.000366839497852766, 4.252332480690954e-5, -2.0278578112542184e-5, -1.6242900046335093e-6, 1.303655835562445e-6,
  1.5626441743349393e-8, -8.523809593781818e-8, 6.529054461882005e-9, 5.059343474584972e-9, -9.913641389144942e-10,
  -2.273651351672037e-10, 9.646791822656617e-11, 2.394037081678838e-12, -6.886032801765613e-12, 8.944990796835915e-13,
  3.130759509440596e-13, -1.1268821623754242e-13, 3.587691559729041e-16, 7.129055464231956e-15, -1.5448979187629384e-15,
];

/** exp(x²)·erfc(x) for x ≥ 0. */
function erfcx(x: number): number {
  const t = 2 / (2 + x);
  const s = 2 * (2 * t - 1);
  // Clenshaw's recurrence.
  let [a, b] = [0, 0];
  for (let j = coefficients.length - 1; j > 0; j--) [a, b] = [s * a - b + coefficients[j], a];
  return t * Math.exp(0.5 * s * a - b + coefficients[0]);
}

/** The probability above x ≥ 0 over the density at x (Mills' ratio). */
export const millsRatio = (x: number): number => Math.sqrt(Math.PI / 2) * erfcx(x / Math.SQRT2);

export const logDensity = (x: number): number => -0.5 * x * x - 0.5 * Math.log(2 * Math.PI);
export const density = (x: number): number => Math.exp(logDensity(x));

/** The probability of a value below x. */
export const probability = (x: number): number =>
  x < 0 ? density(x) * millsRatio(-x) : 1 - density(x) * millsRatio(x);
