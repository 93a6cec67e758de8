/**
 * Dense linear algebra in double precision, row-major: orthonormal columns, leading eigenvectors and small linear systems. A library such as ml-matrix would
 * differ in the last bits: then stored scores of `pca`, maps and augmented images could not be reproduced.
 */

/** Orthonormalises `columns` [rows, width] in place by modified Gram–Schmidt, run twice (Giraud et al. 2005). A column that depends on earlier ones becomes zero. */
export function orthonormalise(columns: Float64Array, rows: number, width: number): Float64Array {
  for (const _ of orthonormaliseByColumn(columns, rows, width));
  return columns;
}

/** The same in steps, one per column. */
function* orthonormaliseByColumn(columns: Float64Array, rows: number, width: number): Generator<void> {
  // Works on the transpose, whose rows are contiguous in memory.
  const transposed = Array.from({ length: width }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => columns[i * width + j]),
  );
  for (const [j, v] of transposed.entries()) {
    const before = Math.sqrt(dot(v, v));
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < j; k++) {
        const along = dot(transposed[k], v);
        for (let i = 0; i < rows; i++) v[i] -= along * transposed[k][i];
      }
    }
    const length = Math.sqrt(dot(v, v));
    const scale = length > 1e-10 * before && length > 0 ? 1 / length : 0;
    for (let i = 0; i < rows; i++) v[i] *= scale;
    yield;
  }
  for (let j = 0; j < width; j++) for (let i = 0; i < rows; i++) columns[i * width + j] = transposed[j][i];
}

/**
 * An orthonormal basis [size, width] of the leading eigenspace of a symmetric matrix, by subspace iteration (Halko, Martinsson & Tropp 2011). `multiply`
 * returns the matrix times a basis [size, width], so that the matrix itself need not be in memory. More rounds separate similar eigenvalues better.
 */
export async function leadingSubspace(
  start: Float64Array,
  size: number,
  width: number,
  rounds: number,
  multiply: (basis: Float64Array) => Float64Array | Promise<Float64Array>,
  yieldToEventLoop: () => Promise<void> = async () => {},
): Promise<Float64Array> {
  let basis = start;
  for (let round = 0; ; round++) {
    for (const _ of orthonormaliseByColumn(basis, size, width)) await yieldToEventLoop();
    if (round === rounds) return basis;
    basis = await multiply(basis);
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Eigenvalues, descending, and eigenvectors, in columns, of a symmetric matrix [n, n], by Jacobi rotations. */
export async function symmetricEigen(
  matrix: Float64Array,
  n: number,
  yieldToEventLoop: () => Promise<void> = async () => {},
): Promise<{ values: Float64Array; vectors: Float64Array }> {
  const a = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  const total = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q] ** 2;
    if (off <= 1e-24 * total) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
      await yieldToEventLoop();
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j] - a[i * n + i]);
  const values = Float64Array.from(order, (i) => a[i * n + i]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = v[i * n + from];
  });
  return { values, vectors };
}

/** Rotates axes p and q so that their off-diagonal entry becomes zero. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (apq === 0) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [kp, kq] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = c * kp - s * kq;
    a[k * n + q] = s * kp + c * kq;
  }
  for (let k = 0; k < n; k++) {
    const [pk, qk] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = c * pk - s * qk;
    a[q * n + k] = s * pk + c * qk;
  }
  for (let k = 0; k < n; k++) {
    const [kp, kq] = [v[k * n + p], v[k * n + q]];
    v[k * n + p] = c * kp - s * kq;
    v[k * n + q] = s * kp + c * kq;
  }
}

/** Solves A·x = b by Gaussian elimination with partial pivoting. `rows` (of A) and `b` are overwritten; returns x. */
export function solve(rows: number[][], b: number[]): number[] {
  const n = b.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) if (Math.abs(rows[i][column]) > Math.abs(rows[pivot][column])) pivot = i;
    [rows[column], rows[pivot], b[column], b[pivot]] = [rows[pivot], rows[column], b[pivot], b[column]];
    for (let i = column + 1; i < n; i++) {
      const factor = rows[i][column] / rows[column][column];
      for (let j = column; j < n; j++) rows[i][j] -= factor * rows[column][j];
      b[i] -= factor * b[column];
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) b[i] -= rows[i][j] * b[j];
    b[i] /= rows[i][i];
  }
  return b;
}

/** The Cholesky factor L of a symmetric positive definite matrix L·Lᵀ; both [n, n], of `matrix` only the lower triangle is read. Throws if it is not positive definite. */
export async function cholesky(
  matrix: Float64Array,
  n: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Float64Array> {
  const lower = new Float64Array(n * n);
  for (const _ of choleskyByRow(matrix, n, lower)) await yieldToEventLoop();
  return lower;
}

/** The same at once, for a small matrix. */
export function choleskyNow(matrix: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  for (const _ of choleskyByRow(matrix, n, lower));
  return lower;
}

/** The same in steps, one per row. */
function* choleskyByRow(matrix: Float64Array, n: number, lower: Float64Array): Generator<void> {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      let sum = matrix[row + j];
      for (let k = 0, other = j * n; k < j; k++) sum -= lower[row + k] * lower[other + k];
      if (j < i) lower[row + j] = sum / lower[j * n + j];
      else if (sum > 0) lower[row + i] = Math.sqrt(sum);
      else throw new Error('The matrix is not positive definite.');
    }
    yield;
  }
}

/** The inverse of a lower triangular matrix, [n, n]. */
export async function inverseOfLower(
  lower: Float64Array,
  n: number,
  yieldToEventLoop: () => Promise<void>,
): Promise<Float64Array> {
  const inverse = new Float64Array(n * n);
  for (const _ of invertByRow(lower, n, inverse)) await yieldToEventLoop();
  return inverse;
}

/** The same at once, for a small matrix. */
export function inverseOfLowerNow(lower: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (const _ of invertByRow(lower, n, inverse));
  return inverse;
}

/** The same in steps, one per row. */
function* invertByRow(lower: Float64Array, n: number, inverse: Float64Array): Generator<void> {
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let k = 0; k < i; k++) {
      const factor = lower[row + k];
      for (let j = 0, other = k * n; j <= k; j++) inverse[row + j] -= factor * inverse[other + j];
    }
    for (let j = 0; j < i; j++) inverse[row + j] /= lower[row + i];
    inverse[row + i] = 1 / lower[row + i];
    yield;
  }
}
