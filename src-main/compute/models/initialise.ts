/**
 * Initialisation of weights. By default a kernel is normally distributed with variance gain / fan-in (He et al. 2015 before ReLU, LeCun et al. 1998 elsewhere);
 * the other distributions are for comparison. Each weight has its own random stream, seeded by its name, so that an additional layer does not change the
 * others.
 */
import { tf } from '../backend.ts';
import { orthonormalise } from '../linear-algebra.ts';
import { native, typeAttribute } from '../ops/native.ts';
import { fillNormal, random, type Random } from '../random.ts';
import { sizeOf, type Kernel, type Piece, type Start } from './scope.ts';

export const initialisations = [
  'default',
  'he-normal',
  'he-uniform',
  'glorot-normal',
  'glorot-uniform',
  'lecun-normal',
  'orthogonal',
] as const;
export type Initialisation = (typeof initialisations)[number];

/** The initial values of a weight. `choice` applies to kernels only. */
export function startValues(
  { name, shape, start }: Piece & { start: Start },
  seed: number,
  choice: Initialisation,
): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  if (typeof start === 'number') return values.fill(start);
  const next = random('weights', seed, name);
  if (!('fanIn' in start)) return fillNormal(values, next, start.deviation);
  const { fanIn, fanOut, gain, axis, deviation } = start;
  if (choice === 'orthogonal') return orthogonal(fillNormal(values, next), shape, axis, Math.sqrt(gain));
  const variance = {
    default: deviation === undefined ? gain / fanIn : deviation ** 2,
    'he-normal': 2 / fanIn,
    'he-uniform': 2 / fanIn,
    'glorot-normal': 2 / (fanIn + fanOut),
    'glorot-uniform': 2 / (fanIn + fanOut),
    'lecun-normal': 1 / fanIn,
  }[choice];
  return choice.endsWith('-uniform')
    ? fillUniform(values, next, Math.sqrt(3 * variance))
    : fillNormal(values, next, Math.sqrt(variance));
}

function fillUniform(out: Float32Array, next: Random, most: number): Float32Array {
  for (let i = 0; i < out.length; i++) out[i] = (2 * next() - 1) * most;
  return out;
}

/**
 * Orthogonal initialisation (Saxe et al. 2014), in place: the matrix [outputs, fan-in] gets orthonormal rows or columns, times `scale`. By QR decomposition of
 * the normal numbers in `values`; the diagonal of R is made positive, so that all orthonormal matrices are equally likely.
 */
function orthogonal(values: Float32Array, shape: number[], axis: Kernel['axis'], scale: number): Float32Array {
  const outputs = shape[axis];
  const inputs = values.length / outputs;
  const after = sizeOf(shape.slice(axis + 1));
  const place = (output: number, input: number): number =>
    (Math.floor(input / after) * outputs + output) * after + (input % after);
  const [rows, columns] = inputs >= outputs ? [inputs, outputs] : [outputs, inputs];
  const at = (row: number, column: number): number => (inputs >= outputs ? place(column, row) : place(row, column));
  const matrix = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) matrix[i * columns + j] = values[at(i, j)];
  const q = orthonormal(matrix, rows, columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) values[at(i, j)] = scale * q[i * columns + j];
  return values;
}

/** Uses TensorFlow's QR if it is the backend: in JavaScript, a large dense layer takes minutes. */
function orthonormal(matrix: Float64Array, rows: number, columns: number): ArrayLike<number> {
  const backend = native();
  if (!backend) return orthonormalise(matrix, rows, columns);
  const noise = tf.tensor2d(Float32Array.from(matrix), [rows, columns]);
  const factors = backend.executeMultipleOutputs(
    'Qr',
    [typeAttribute(backend), { name: 'full_matrices', type: backend.binding.TF_ATTR_BOOL, value: false }],
    [noise],
    2,
  );
  const [q, r] = factors.map((t) => t.dataSync<'float32'>());
  tf.dispose([noise, ...factors]);
  const signs = Array.from({ length: columns }, (_, j) => (r[j * columns + j] < 0 ? -1 : 1));
  return q.map((value, i) => value * signs[i % columns]);
}
